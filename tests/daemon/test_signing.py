"""Signed callbacks, verified by a consumer that did what docs/contract.md says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import structlog
from pydantic import SecretStr

from config.accounts import AccountSettings
from daemon.outbox import Delivery
from daemon.signing import Signer, signature
from tests.support.outbox_house import house
from tests.support.recorder import Attempt, Recorder, fail_first

SECRET = "a secret: 秘密"
BODY = '{"audioText": "一\\n二"}'.encode() + bytes(range(256))
DOCUMENT = Path(__file__).parents[2] / "docs" / "contract.md"


def documented() -> Callable[[str, Mapping[str, str], bytes], bool]:
    """Return the verification that the documentation shows."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## Signed callbacks")[2]
    snippet = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert snippet is not None
    names: dict[str, Any] = {}
    exec(compile(snippet[1], str(DOCUMENT), "exec"), names)
    return cast("Callable[[str, Mapping[str, str], bytes], bool]", names["is_genuine"])


def account(name: str = "acme", secret: str | None = SECRET) -> AccountSettings:
    return AccountSettings(
        name=name,
        access_key=SecretStr(f"key-{name}"),
        callback_secret=None if secret is None else SecretStr(secret),
    )


def stored_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def captured(folder: Path, signer: Signer) -> list[Attempt]:
    """Deliver a callback of `acme` at its second try and return both."""
    async with Recorder(fail_first(1)) as consumer, house(folder, signer=signer) as made:
        await made.outbox.send(Delivery("abc", "7", consumer.url(), BODY, account="acme", number=8))
        await made.empty()
        return consumer.attempts


def test_a_known_signature() -> None:
    """Computed with `printf '1700000000.{}' | openssl dgst -sha256 -hmac key`."""
    expected = "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    assert signature(b"key", "1700000000", b"{}") == expected


async def test_the_documented_verification_takes_what_was_sent_and_nothing_else(tmp_path: Path) -> None:
    is_genuine = documented()
    for attempt in await captured(tmp_path, Signer([account()])):
        headers = attempt.request.headers
        assert is_genuine(SECRET, headers, attempt.body)
        assert not is_genuine("another", headers, attempt.body)
        assert not is_genuine(SECRET, headers, attempt.body + b" ")
        for name, value in (
            ("X-Audiowarden-Timestamp", str(int(headers["X-Audiowarden-Timestamp"]) + 1)),
            ("X-Audiowarden-Timestamp", ""),
            ("X-Audiowarden-Timestamp", "9" * 5000),
            ("X-Audiowarden-Signature", headers["X-Audiowarden-Signature"].removeprefix("v1=")),
            ("X-Audiowarden-Signature", "v1=\u00e9"),
            ("X-Audiowarden-Signature", ""),
        ):
            assert not is_genuine(SECRET, {**headers, name: value}, attempt.body), (name, value[:80])


async def test_the_documented_verification_refuses_what_is_old(tmp_path: Path) -> None:
    attempts = await captured(tmp_path, Signer([account()], lambda: time.time() - 3600))
    assert not any(documented()(SECRET, each.request.headers, each.body) for each in attempts)


async def test_every_attempt_is_numbered_and_dated(tmp_path: Path) -> None:
    seconds = iter([1_700_000_000.9, 1_700_000_005.1])
    attempts = await captured(tmp_path, Signer([account()], lambda: next(seconds)))
    headers = [attempt.request.headers for attempt in attempts]
    assert [each["X-Audiowarden-Attempt"] for each in headers] == ["1", "2"]
    assert [each["X-Audiowarden-Timestamp"] for each in headers] == ["1700000000", "1700000005"]
    assert [each["X-Audiowarden-Sequence"] for each in headers] == ["8", "8"]
    assert [each["X-Audiowarden-Delivery"] for each in headers] == ["abc_7", "abc_7"]
    assert len({each["X-Audiowarden-Signature"] for each in headers}) == 2


async def test_an_account_without_a_secret_is_not_signed(tmp_path: Path) -> None:
    signer = Signer([account(secret=None), account("other")])
    for attempt in await captured(tmp_path, signer):
        assert "X-Audiowarden-Signature" not in attempt.request.headers
        assert "X-Audiowarden-Timestamp" in attempt.request.headers


async def test_a_secret_that_was_changed_signs_what_waits_and_is_stored_nowhere(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        async with Recorder(fail_first(1)) as consumer:
            async with house(tmp_path, started=False, signer=Signer([account()]), keeps=True) as made:
                delivery = Delivery("abc", "7", consumer.url(), BODY, account="acme", number=8, place=7)
                await made.outbox.send(delivery)
            stored = stored_in(tmp_path)
            async with house(tmp_path, signer=Signer([account(secret="rotated")])) as made:
                await made.empty()
    assert b"acme" in stored
    assert SECRET.encode() not in stored
    assert "rotated" not in str(logs)
    assert b"rotated" not in stored_in(tmp_path)
    assert all(documented()("rotated", each.request.headers, each.body) for each in consumer.attempts)
