"""Signs callbacks with their account's secret, so that a consumer can tell them from anybody else's."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable

from config.accounts import AccountSettings

TIMESTAMP_HEADER = "X-Audiowarden-Timestamp"
SIGNATURE_HEADER = "X-Audiowarden-Signature"
_VERSION = "v1"


class Signer:
    """Holds the accounts' secrets; they are nowhere else, so that a new one counts after a restart."""

    def __init__(self, accounts: Iterable[AccountSettings], wall: Callable[[], float] = time.time) -> None:
        """`wall` gives seconds since the epoch."""
        self._secrets = {
            account.name: account.callback_secret.get_secret_value().encode()
            for account in accounts
            if account.callback_secret is not None
        }
        self._wall = wall

    def headers(self, account: str, body: bytes) -> dict[str, str]:
        """Return the headers that date and sign an attempt; no signature for an account without a secret."""
        timestamp = str(int(self._wall()))
        headers = {TIMESTAMP_HEADER: timestamp}
        if (secret := self._secrets.get(account)) is not None:
            headers[SIGNATURE_HEADER] = f"{_VERSION}={signature(secret, timestamp, body)}"
        return headers


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return HMAC-SHA256 over `<timestamp>.<body>` in hexadecimal (RFC 2104)."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


UNSIGNED = Signer(())
"""Signs for nobody."""
