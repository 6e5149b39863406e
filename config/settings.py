"""Every setting, frozen and validated; `default.toml` comments each of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    Field,
    field_validator,
    model_validator,
)

from config.accounts import AccountSettings
from config.section import Seconds, Section
from config.taxonomy import RiskType


class ServerSettings(Section):
    """The HTTP server."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    drain_s: Seconds = 25.0
    max_connections: Annotated[int, Field(ge=10, le=1_000_000)] = 1000


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
    screen_model: str = ""
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

    @model_validator(mode="after")
    def _two_models(self) -> RecogniserSettings:
        if self.screen_model == self.model:
            raise ValueError(
                f"screen_model is {self.model!r} as model is: name a smaller one, or none to screen nothing"
            )
        return self


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
    max_result_gb: Annotated[float, Field(gt=0, le=5000)] = 50.0

    @property
    def max_result_bytes(self) -> int:
        """The most bytes that one export or extraction may make."""
        return round(self.max_result_gb * 1e9)


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

    @model_validator(mode="after")
    def _in_order(self) -> ThresholdSettings:
        if self.review > self.reject:
            raise ValueError(f"review ({self.review:g}) must not be above reject ({self.reject:g})")
        return self


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
    policies: dict[str, dict[str, ThresholdSettings]] = Field(default_factory=dict)

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
