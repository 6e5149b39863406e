"""Every setting, frozen and validated; `default.toml` comments each of them."""

from __future__ import annotations

import hashlib
import re
import string
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.taxonomy import RiskType

Seconds = Annotated[float, Field(gt=0, le=86_400)]
"""Up to a day: beyond, timers and media libraries overflow."""


class Section(BaseModel):
    """A part of the settings: frozen, no unknown keys; secrets are masked when printed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    drain_s: Seconds = 25.0


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


class NetworkSettings(Section):
    """What the daemon may connect to, and for how long it waits."""

    allow_private_addresses: bool = False
    ca_file: Path | None = None
    connect_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 15.0


class IngestSettings(Section):
    """Where streams are read and decoded."""

    processes: Annotated[int, Field(ge=0, le=64)] = 1


class RecogniserSettings(Section):
    """The speech recogniser."""

    model: Annotated[str, Field(min_length=1)] = "base"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    compute_type: str = "auto"
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    batch_size: Annotated[int, Field(ge=0, le=64)] = 0
    max_delay_s: Seconds = 8.0
    max_load: Annotated[float, Field(gt=0, le=2)] = 0.85
    cache_dir: Path | None = None

    @field_validator("compute_type")
    @classmethod
    def _known_compute_type(cls, value: str) -> str:
        known = (
            "auto", "default", "int8", "int8_float16", "int8_bfloat16", "int8_float32",
            "int16", "float16", "bfloat16", "float32",
        )  # fmt: skip
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return value


class SpeechSettings(Section):
    """When a window is worth recognising."""

    min_speech_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    second_opinion: bool = True


class CallbackSettings(Section):
    """How callbacks are delivered."""

    timeout_s: Seconds = 10.0
    attempts: Annotated[int, Field(ge=1, le=1000)] = 20
    first_retry_s: Seconds = 5.0
    max_retry_s: Seconds = 60.0
    connections_per_consumer: Annotated[int, Field(ge=1, le=1000)] = 16
    dead_letter_days: Annotated[float, Field(gt=0, le=3650)] = 7.0
    history_hours: Annotated[float, Field(ge=0, le=87_600)] = 72.0


class S3Settings(Section):
    """The object store that speaks S3; credentials come from the standard chain."""

    endpoint_url: str = ""
    region: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"

    @field_validator("endpoint_url")
    @classmethod
    def _http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be an http or https address such as https://minio.example.org")
        return value


class StorageSettings(Section):
    """Where recordings are read from and exports are stored."""

    local_root: Path | None = None
    s3: S3Settings = S3Settings()


class JobSettings(Section):
    """Exports and extractions."""

    at_once: Annotated[int, Field(ge=1, le=64)] = 2
    waiting: Annotated[int, Field(ge=1, le=100_000)] = 1000
    abandon_s: Annotated[float, Field(gt=0)] = 3600.0
    keep_days: Annotated[float, Field(gt=0, le=3650)] = 30.0


MAX_PRESIGNED_HOURS = 7 * 24
"""Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters"."""


class ClipSettings(Section):
    """The audio clips that callbacks point to."""

    store: Literal["local", "s3"] = "local"
    bucket: str = ""
    public_base_url: str = ""
    retention_hours: Annotated[float, Field(gt=0)] = 72.0
    bit_rate_kbps: Annotated[int, Field(ge=16, le=160)] = 32

    @field_validator("public_base_url")
    @classmethod
    def _absolute_http(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("must be an http or https address such as https://clips.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _possible_in_a_bucket(self) -> ClipSettings:
        if self.store == "s3" and not self.bucket:
            raise ValueError('store = "s3" needs a bucket')
        if self.store == "s3" and self.retention_hours > MAX_PRESIGNED_HOURS:
            raise ValueError(
                f'retention_hours can be {MAX_PRESIGNED_HOURS} at most with store = "s3": '
                "presigned addresses live no longer than 7 days"
            )
        return self


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class ThresholdSettings(Section):
    """Probabilities from which a label is REVIEW and REJECT; above 1 means never."""

    review: Annotated[float, Field(ge=0, le=10)]
    reject: Annotated[float, Field(ge=0, le=10)]


class Settings(Section):
    """All settings of one daemon."""

    data_dir: Path = Path("audiowarden-data")
    enrolled_dir: Path | None = None
    server: ServerSettings = ServerSettings()
    accounts: tuple[AccountSettings, ...] = ()
    network: NetworkSettings = NetworkSettings()
    ingest: IngestSettings = IngestSettings()
    recogniser: RecogniserSettings = RecogniserSettings()
    speech: SpeechSettings = SpeechSettings()
    callbacks: CallbackSettings = CallbackSettings()
    clips: ClipSettings = ClipSettings()
    storage: StorageSettings = StorageSettings()
    jobs: JobSettings = JobSettings()
    logs: LogSettings = LogSettings()
    policies: dict[str, dict[str, ThresholdSettings]] = {}

    @property
    def enrolled_folder(self) -> Path:
        """Where enrolled voices and songs are kept."""
        return self.enrolled_dir if self.enrolled_dir is not None else self.data_dir / "enrolled"

    @field_validator("policies")
    @classmethod
    def _known_risks(
        cls, policies: dict[str, dict[str, ThresholdSettings]]
    ) -> dict[str, dict[str, ThresholdSettings]]:
        for name, table in policies.items():
            for risk in table:
                if risk != "*" and risk not in RiskType.__members__:
                    raise ValueError(f"{name}.{risk} is not a risk type (or `*`)")
        return policies

    @field_validator("accounts")
    @classmethod
    def _distinct(cls, accounts: tuple[AccountSettings, ...]) -> tuple[AccountSettings, ...]:
        names = [account.name for account in accounts]
        if len(set(names)) < len(names):
            raise ValueError("two accounts have the same name")
        projects = [account.vod.project_id for account in accounts if account.vod.project_id]
        if len(set(projects)) < len(projects):
            raise ValueError("two accounts have the same vod.project_id")
        sessions = [each.get_secret_value() for account in accounts for each in account.tvu.session_ids]
        if len(set(sessions)) < len(sessions):
            raise ValueError("two accounts have the same tvu.session_ids")
        for name, values in (
            ("vod.tokens", [each.get_secret_value() for account in accounts for each in account.vod.tokens]),
            (
                "vod.credentials.access_key_id",
                [each.access_key_id for account in accounts for each in account.vod.credentials],
            ),
        ):
            if len(set(values)) < len(values):
                raise ValueError(f"the same {name} is given twice")
        if len({account.key_digest for account in accounts}) < len(accounts):
            raise ValueError("two accounts have the same access key")
        return accounts


SECRET_NAME = re.compile(r"key|secret|token|password", re.IGNORECASE)
"""Names of settings whose values are never shown."""
