"""Who may use the daemon: access keys, and how many requests a second an account may make."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable

from config.accounts import AccountSettings


class Account:
    """A platform with its limits. Requests are counted in a token bucket one second deep."""

    def __init__(self, settings: AccountSettings, clock: Callable[[], float]) -> None:
        self.name = settings.name
        self.max_streams = settings.max_streams
        self.key_digest = settings.key_digest
        self.session_digests = tuple(_digest(each.get_secret_value()) for each in settings.tvu.session_ids)
        self._buckets = None if settings.buckets is None else frozenset(settings.buckets)
        self._rate = float(settings.max_requests_per_s)
        self._tokens = self._rate
        self._clock = clock
        self._refilled_at = clock()

    def admit(self) -> bool:
        """Count a request; False when the account makes more a second than it may."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._refilled_at) * self._rate)
        self._refilled_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def may_use(self, bucket: str) -> bool:
        """Whether its media may be in a bucket; without one (`""`) it is the local media root."""
        return not bucket or self._buckets is None or bucket in self._buckets


class Accounts:
    """All accounts of the configuration."""

    def __init__(
        self, settings: Iterable[AccountSettings], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._accounts = [Account(each, clock) for each in settings]

    def named(self, name: str) -> Account:
        """Return the account of that name. Raises KeyError."""
        for account in self._accounts:
            if account.name == name:
                return account
        raise KeyError(name)

    def authenticate(self, access_key: str) -> Account | None:
        """Return the account of a key, or None.

        Every account is compared, in constant time, so that the answer's time tells nothing about keys.
        """
        digest = _digest(access_key)
        found = None
        for account in self._accounts:
            if hmac.compare_digest(account.key_digest, digest):
                found = account
        return found

    def of_session(self, session_id: str) -> Account | None:
        """Return the account of a SessionId, or None; compared as keys are."""
        digest = _digest(session_id)
        found = None
        for account in self._accounts:
            for known in account.session_digests:
                if hmac.compare_digest(known, digest):
                    found = account
        return found


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
