"""Who sends a request to a project: found by a token or by a signature."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable

from aiohttp import web

from config.accounts import AccountSettings, VodSettings
from config.errors import ConfigError
from daemon.accounts import Account, Accounts
from daemon.contracts.vod import replies
from daemon.contracts.vod.replies import RefusedError
from daemon.contracts.vod.signature import Credential, SignatureError, Signatures, SignedRequest
from pipeline.network.addresses import AddressPolicy
from pipeline.network.urls import AddressError

TOKEN_HEADER = "X-Auth-Token"  # noqa: S105 - a header's name


class Projects:
    """The projects of all accounts."""

    def __init__(
        self,
        settings: Iterable[AccountSettings],
        accounts: Accounts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives epoch seconds."""
        self._settings = {each.name: each for each in settings if each.vod.project_id}
        self._accounts = accounts
        self._tokens = [
            (_digest(token.get_secret_value()), name)
            for name, each in self._settings.items()
            for token in each.vod.tokens
            if token.get_secret_value()
        ]
        credentials = [
            Credential(name, each.access_key_id, each.secret_key.get_secret_value())
            for name, account in self._settings.items()
            for each in account.vod.credentials
            if each.secret_key.get_secret_value()
        ]
        self._signatures = Signatures(credentials, clock)

    def check_notifications(self, addresses: AddressPolicy) -> None:
        """Raise ConfigError for a notification URL that may not be posted to."""
        for name, each in self._settings.items():
            try:
                if each.vod.notification_url:
                    addresses.check_url(each.vod.notification_url, "callback")
            except AddressError as error:
                raise ConfigError(f"accounts[].vod.notification_url of {name}: {error}") from None

    def vod_of(self, account: str) -> VodSettings:
        """Return an account's project; an empty one if it has none any more."""
        return self._settings[account].vod if account in self._settings else VodSettings()

    def admit(self, request: web.Request, body: bytes) -> Account:
        """Return the account that sends the request, to its own project. Raises RefusedError."""
        name = self._owner(request, body)
        if self._settings[name].vod.project_id != request.match_info["project_id"]:
            raise RefusedError(replies.FORBIDDEN, "The project is another account's, or none.")
        account = self._accounts.named(name)
        if not account.admit():
            raise RefusedError(replies.THROTTLED)
        return account

    def _owner(self, request: web.Request, body: bytes) -> str:
        owner = self._owner_of_token(request.headers.get(TOKEN_HEADER, ""))
        if owner is not None:
            return owner
        if "Authorization" not in request.headers:
            detail = (
                "X-Auth-Token is not valid."
                if TOKEN_HEADER in request.headers
                else "X-Auth-Token or Authorization is required."
            )
            raise RefusedError(replies.NOT_AUTHENTICATED, detail)
        names = {name.lower() for name in request.headers}
        signed = SignedRequest(
            request.method,
            request.rel_url.raw_path,
            request.rel_url.raw_query_string,
            {name: request.headers.getall(name) for name in names},
            body,
        )
        try:
            return self._signatures.owner_of(signed)
        except SignatureError as error:
            raise RefusedError(replies.NOT_AUTHENTICATED, f"{error}.") from None

    def _owner_of_token(self, token: str) -> str | None:
        """Return whose token it is. All are compared, in constant time."""
        digest = _digest(token)
        owner = None
        for known, name in self._tokens:
            if hmac.compare_digest(known, digest):
                owner = name
        return owner


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
