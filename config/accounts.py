"""Platforms that may use the daemon, and what each may do."""

from __future__ import annotations

import hashlib
import re
import string
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
        if not template:
            return template
        known = PULL_PLACES[str(info.field_name)]
        try:
            parsed = list(string.Formatter().parse(template))
        except ValueError as error:
            raise ValueError(f"is no template: {error}") from None
        places = [name for _, name, *_ in parsed if name is not None]
        if any(form or conversion for *_, form, conversion in parsed):
            raise ValueError("may hold places such as {tokenId} only, without a format")
        if unknown := [name for name in places if name not in known]:
            raise ValueError(f"has a place {{{unknown[0]}}}; known: {' '.join(sorted(known))}")
        if urlsplit(template).scheme not in ("rtmp", "rtmps", "http", "https"):
            raise ValueError("must be an rtmp, rtmps, http or https address")
        return template


class TvuSettings(Section):
    """Who may export recordings: the SessionIds of its requests, and the key of encrypted playlists."""

    session_ids: tuple[SecretStr, ...] = ()
    descriptor_key: SecretStr | None = None

    @model_validator(mode="after")
    def _usable(self) -> TvuSettings:
        if any(not each.get_secret_value() for each in self.session_ids):
            raise ValueError("session_ids must not be empty")
        key = self.descriptor_key
        if key is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", key.get_secret_value()):
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
    access_key_sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")] | None = None
    max_streams: Annotated[int, Field(ge=0)] = 1000
    max_requests_per_s: Annotated[int, Field(ge=1)] = 500
    lists_dir: Path | None = None
    app_ids: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    callback_secret: SecretStr | None = None
    callback_shape: Literal["nested", "flat"] = "nested"
    stream_events: bool = False
    pull_templates: PullTemplates = PullTemplates()
    tvu: TvuSettings = TvuSettings()
    vod: VodSettings = VodSettings()
    buckets: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_key(self) -> AccountSettings:
        if (self.access_key is None) == (self.access_key_sha256 is None):
            raise ValueError("needs exactly one of access_key and access_key_sha256")
        if self.access_key is not None and not self.access_key.get_secret_value():
            raise ValueError("access_key must not be empty")
        if self.callback_secret is not None and not self.callback_secret.get_secret_value():
            raise ValueError("callback_secret must not be empty")
        return self

    @property
    def key_digest(self) -> bytes:
        """SHA-256 of the access key: what is kept and compared."""
        if self.access_key is not None:
            return hashlib.sha256(self.access_key.get_secret_value().encode()).digest()
        return bytes.fromhex(self.access_key_sha256 or "")
