"""Platforms that may use the daemon, and what each may do."""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Collection, Set
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.section import Section

PULL_PLACES = {
    "trtc": {"sdkAppId", "userId", "userSig", "room", "roomIsNumber", "tokenId"},
    "zego": {"streamId", "roomId", "stream", "testEnv", "tokenId"},
    "agora": {"appId", "channel", "token", "uid", "tokenId"},
}
"""What the address of a stream may be made of."""
HEX_256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)

ROSTER_PLACES = {
    "trtc": {"sdkAppId", "userId", "room", "roomIsNumber"},
    "zego": {"roomId", "testEnv"},
}
"""What the address of a room's list of users may be made of."""
USER_PLACES = {"trtc": {"tokenId"}, "zego": {"streamId", "stream", "tokenId"}}
"""Places of a pull template that are each user's own, where a whole room is pulled."""


class PullTemplates(Section):
    """Addresses that streams of real-time clouds are pulled from; the request's fields fill the places.

    An empty one: streams of that kind are refused.
    """

    trtc: str = ""
    zego: str = ""
    agora: str = ""

    @field_validator("trtc", "zego", "agora")
    @classmethod
    def _fillable(cls, template: str, info: ValidationInfo) -> str:
        _check_template(template, PULL_PLACES[str(info.field_name)], ("rtmp", "rtmps", "http", "https"))
        return template


class TrtcSettings(Section):
    """Who says which users are in a TRTC room; nobody: a start is for one user of it."""

    roster_url: str = Field(default="", repr=False)

    @field_validator("roster_url")
    @classmethod
    def _fillable(cls, template: str) -> str:
        _check_template(template, ROSTER_PLACES["trtc"], ("http", "https"))
        return template

    @property
    def has_roster(self) -> bool:
        """Whether anybody says it."""
        return bool(self.roster_url)


class ZegoSettings(Section):
    """Who says which streams are in a ZEGO room: the platform, or the vendor's server API for its own."""

    roster_url: str = Field(default="", repr=False)
    app_id: Annotated[int, Field(ge=1, le=2**32 - 1)] | None = None
    server_secret: SecretStr | None = None
    api_url: str = "https://rtc-api.zego.im/"

    @field_validator("roster_url")
    @classmethod
    def _fillable(cls, template: str) -> str:
        _check_template(template, ROSTER_PLACES["zego"], ("http", "https"))
        return template

    @model_validator(mode="after")
    def _one_way(self) -> ZegoSettings:
        secret = self.server_secret.get_secret_value() if self.server_secret is not None else ""
        if (self.app_id is None) != (not secret):
            raise ValueError("needs both app_id and server_secret, or neither")
        if self.roster_url and secret:
            raise ValueError("needs roster_url or app_id with server_secret, not both")
        parts = urlsplit(self.api_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("api_url must be an http or https address without a query")
        return self

    @property
    def has_roster(self) -> bool:
        """Whether anybody says it."""
        return bool(self.roster_url) or self.app_id is not None


def _check_template(template: str, known: Set[str], schemes: Collection[str]) -> None:
    """Raise ValueError when text is no template of an address. Empty is none, and is not wanted."""
    if not template:
        return
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"is no template: {error}") from None
    places = [name for _, name, *_ in parsed if name is not None]
    if any(form or conversion for *_, form, conversion in parsed):
        raise ValueError("may hold places such as {tokenId} only, without a format")
    if unknown := [name for name in places if name not in known]:
        raise ValueError(f"has a place {{{unknown[0]}}}; known: {' '.join(sorted(known))}")
    if urlsplit(template).scheme not in schemes:
        *others, last = schemes
        raise ValueError(f"must be an {', '.join(others)} or {last} address")


class TvuSettings(Section):
    """Who may export recordings: the SessionIds of its requests, and the key of encrypted playlists."""

    session_ids: tuple[SecretStr, ...] = ()
    descriptor_key: SecretStr | None = None

    @model_validator(mode="after")
    def _usable(self) -> TvuSettings:
        if any(not each.get_secret_value() for each in self.session_ids):
            raise ValueError("session_ids must not be empty")
        key = self.descriptor_key
        if key is not None and not HEX_256.fullmatch(key.get_secret_value()):
            raise ValueError("descriptor_key must be 64 hexadecimal digits: openssl rand -hex 32")
        return self


class CredentialSettings(Section):
    """An access key with its secret, for signed requests."""

    access_key_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,128}$")]
    secret_key: SecretStr


class VodSettings(Section):
    """An account's project of recorded media: who may use it, and where its events go."""

    project_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""
    tokens: tuple[SecretStr, ...] = ()
    credentials: tuple[CredentialSettings, ...] = ()
    notification_url: str = ""


class AccountSettings(Section):
    """A platform that may use the daemon."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    access_key: SecretStr | None = None
    access_key_sha256: str | None = None
    max_streams: Annotated[int, Field(ge=0)] = 1000
    max_requests_per_s: Annotated[int, Field(ge=1)] = 500
    lists_dir: Path | None = None
    app_ids: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    callback_secret: SecretStr | None = None
    callback_shape: Literal["nested", "flat"] = "nested"
    stream_events: bool = False
    pull_templates: PullTemplates = PullTemplates()
    trtc: TrtcSettings = TrtcSettings()
    zego: ZegoSettings = ZegoSettings()
    tvu: TvuSettings = TvuSettings()
    vod: VodSettings = VodSettings()
    buckets: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> AccountSettings:
        if (self.access_key is None) == (self.access_key_sha256 is None):
            raise ValueError("needs exactly one of access_key and access_key_sha256")
        if self.access_key is not None and not self.access_key.get_secret_value():
            raise ValueError("access_key must not be empty")
        if self.access_key_sha256 is not None and not HEX_256.fullmatch(self.access_key_sha256):
            raise ValueError("access_key_sha256 must be 64 hexadecimal digits: printf %s KEY | sha256sum")
        if self.callback_secret is not None and not self.callback_secret.get_secret_value():
            raise ValueError("callback_secret must not be empty")
        return self

    @model_validator(mode="after")
    def _users_have_addresses(self) -> AccountSettings:
        templates = {
            "trtc": self.pull_templates.trtc if self.trtc.has_roster else None,
            "zego": self.pull_templates.zego if self.zego.has_roster else None,
        }
        for kind, template in templates.items():
            own = USER_PLACES[kind]
            if template is not None and own.isdisjoint(
                name for _, name, *_ in string.Formatter().parse(template)
            ):
                named = " or ".join(f"{{{place}}}" for place in sorted(own))
                raise ValueError(f"pull_templates.{kind} needs {named}: each user of a room has an address")
        return self

    @property
    def key_digest(self) -> bytes:
        """SHA-256 of the access key: what is kept and compared."""
        if self.access_key is not None:
            return hashlib.sha256(self.access_key.get_secret_value().encode()).digest()
        return bytes.fromhex(self.access_key_sha256 or "")
