"""Access keys and request rates."""

from __future__ import annotations

import hashlib

from config.accounts import AccountSettings
from daemon.accounts import Account, Accounts


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
        account = known.authenticate(key)
        assert account is not None
        assert account.name == name
    for key in ("", "First", "first ", "\ud800"):
        assert known.authenticate(key) is None


def test_requests_a_second_are_counted() -> None:
    clock = [100.0]
    account = accounts(clock).authenticate("first")
    assert account is not None
    assert [account.admit() for _ in range(3)] == [True, True, False]
    clock[0] += 0.5
    assert [account.admit(), account.admit()] == [True, False]
    clock[0] += 60
    assert [account.admit() for _ in range(3)] == [True, True, False]


def test_which_buckets_an_account_may_use() -> None:
    def account(buckets: list[str] | None) -> Account:
        settings = {"name": "a", "access_key": "k", "buckets": buckets}
        return Accounts([AccountSettings.model_validate(settings)]).named("a")

    assert account(None).may_use("any")
    assert account(["mine"]).may_use("mine")
    assert not account(["mine"]).may_use("Mine")
    assert not account([]).may_use("any")
    assert account([]).may_use("")
