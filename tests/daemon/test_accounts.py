"""Access keys and request rates."""

from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from config.accounts import AccountSettings
from daemon.accounts import Accounts
from tests.support.accounts import account


def accounts(clock: list[float]) -> Accounts:
    return Accounts(
        [
            AccountSettings(name="plain", access_key="first", max_requests_per_s=2),  # type: ignore[arg-type]  # made a secret by validation
            AccountSettings(
                name="hashed", access_key_sha256=hashlib.sha256("zwei-钥匙".encode()).hexdigest()
            ),
        ],
        clock=lambda: clock[0],
    )


def test_keys_are_known_plain_or_hashed() -> None:
    known = accounts([0.0])
    for key, name in [("first", "plain"), ("zwei-钥匙", "hashed")]:
        found = known.authenticate(key)
        assert found is not None
        assert found.name == name
    for key in ("", "First", "first ", "\ud800"):
        assert known.authenticate(key) is None


def test_requests_a_second_are_counted() -> None:
    clock = [100.0]
    known = accounts(clock).authenticate("first")
    assert known is not None
    assert [known.admit() for _ in range(3)] == [True, True, False]
    clock[0] += 0.5
    assert [known.admit(), known.admit()] == [True, False]
    clock[0] += 60
    assert [known.admit() for _ in range(3)] == [True, True, False]


def test_sessions_lead_to_their_account() -> None:
    known = Accounts(
        [account("one", tvu={"session_ids": ["a", "b"]}), account("two", tvu={"session_ids": ["c"]})]
    )
    for session, name in (("a", "one"), ("b", "one"), ("c", "two")):
        found = known.of_session(session)
        assert found is not None
        assert found.name == name
    for session in ("", "A", "key-of-one", "\ud800"):
        assert known.of_session(session) is None


def test_buckets_are_those_that_are_named_or_any() -> None:
    known = Accounts([account("some", buckets=["media"]), account("none", buckets=[]), account("any")])
    some, none, any_of_them = (known.named(name) for name in ("some", "none", "any"))
    assert [each.may_use("media") for each in (some, none, any_of_them)] == [True, False, True]
    assert [each.may_use("other") for each in (some, none, any_of_them)] == [False, False, True]
    assert all(each.may_use("") for each in (some, none, any_of_them))


@pytest.mark.parametrize("key", ["", "00" * 31, "xy" * 32, "00" * 33])
def test_a_key_of_playlists_has_32_bytes(key: str) -> None:
    with pytest.raises(ValidationError, match="descriptor_key must be 64 hexadecimal digits"):
        account("one", tvu={"descriptor_key": key})
    assert "00" * 32 not in str(account("one", tvu={"descriptor_key": "00" * 32}))
