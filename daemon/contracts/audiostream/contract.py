"""Translates an accepted request of the contract into a stream to moderate, and its results back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from config.accounts import AccountSettings
from config.errors import AudiowardenError
from config.taxonomy import Taxonomy
from daemon.contracts.audiostream import names
from daemon.contracts.audiostream.flat import FlatWriter
from daemon.contracts.audiostream.payload import PayloadWriter
from daemon.contracts.audiostream.pulls import pull_of
from daemon.contracts.audiostream.replies import Code
from daemon.contracts.audiostream.schema import StartRequest
from pipeline.report import StreamEnd, StreamEvent, StreamSpec, WindowReport

STORED_KEY = "-"
"""Stands in stored requests for the access key, which is never stored."""


class NotPermittedError(AudiowardenError):
    """The account may not use this value of a field."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"{field} {value[:64]!r} is not permitted")
        self.field = field
        self.value = value


@dataclass(frozen=True, slots=True)
class Manner:
    """How a call is called back: the account's, when the call was made; stored with it, so that a restart
    changes nothing in the middle of a stream.
    """

    shape: str = "nested"
    events: bool = False
    whole_room: bool | None = False
    """Whether it was taken for a whole room by a roster; None: as the account says."""

    @classmethod
    def of(cls, account: AccountSettings) -> Manner:
        """Return what the account asks for now."""
        return cls(account.callback_shape, account.stream_events, whole_room=None)


class AudioStreamCall:
    """One accepted `POST /audiostream/v4` (a `StreamCall`)."""

    def __init__(
        self, request_id: str, account: AccountSettings, body: Mapping[str, Any], taxonomy: Taxonomy,
        manner: Manner, *, agora_sdk: bool = False,
    ) -> None:  # fmt: skip
        """`body` is the request as it was sent; `agora_sdk`: whether AGORA channels can be joined here.

        Raises pydantic.ValidationError when it is not valid, and NotConfiguredError when the account has no
        way to pull such streams.
        """
        self._body = {**body, "accessKey": STORED_KEY}
        self.request = StartRequest.model_validate(self._body)
        self._asked = names.asked(self.request.type, self.request.businessType)
        self._account = account.name
        self._pull = pull_of(self.request.data, account, agora_sdk=agora_sdk, whole_room=manner.whole_room)
        self._manner = replace(manner, whole_room=self._pull.room is not None)
        writer = FlatWriter if manner.shape == "flat" else PayloadWriter
        self._writer = writer(request_id, self.request, body["data"], self._asked, taxonomy, self._pull.user)
        self.spec = self._spec(request_id)

    def _spec(self, request_id: str) -> StreamSpec:
        data = self.request.data
        return StreamSpec(
            stream_id=request_id,
            account=self._account,
            url=self._pull.url,
            risks=frozenset(self._asked),
            language=None if data.lang == "auto" else data.lang,
            policy=self.request.eventId,
            role=data.role,
            report_all=data.returnAllText == 1,
            previous_text=data.returnPreText == 1,
            previous_clip=data.returnPreAudio == 1,
            moderate_every=1 + (data.audioDetectStep or 0),
            backoff=self._pull.backoff,
            user=self._pull.user,
            channel=self._pull.channel,
            room=self._pull.room,
        )

    @property
    def identity(self) -> str:
        """The same address, room or channel is the same stream."""
        return self._pull.identity

    @property
    def callback_url(self) -> str:
        """Where callbacks go."""
        return self.request.callback

    def document(self) -> dict[str, Any]:
        """Return the request without its access key."""
        return {
            "request_id": self.spec.stream_id,
            "account": self._account,
            "body": self._body,
            "manner": asdict(self._manner),
        }

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write the callback of a window."""
        return self._writer.window(report)

    def end(self, end: StreamEnd, next_index: int) -> dict[str, Any] | None:
        """Write the last callback: the finish notice, or why there will be no more."""
        if end.crashed:
            return self._writer.stopped(Code.FAILED, None, next_index)
        if self.request.data.returnFinishInfo == 1:
            return self._writer.end(end, next_index)
        if end.fault is None:
            return None
        return self._writer.stopped(Code.PULL_FAILED, end.fault, next_index)

    def event(self, event: StreamEvent, number: int) -> dict[str, Any] | None:
        """Write the callback of a stream event, if the account wants them."""
        return self._writer.event(event, number) if self._manner.events else None


class AudioStreamContract:
    """The live audio stream contract (a `StreamContract`)."""

    name = "audiostream"

    def __init__(
        self, taxonomy: Taxonomy, accounts: Iterable[AccountSettings], *, agora_sdk: bool = False
    ) -> None:
        """`agora_sdk`: whether AGORA channels can be joined here."""
        self._taxonomy = taxonomy
        self._agora_sdk = agora_sdk
        self._accounts = {account.name: account for account in accounts}

    def accept(self, request_id: str, account: str, body: Mapping[str, Any]) -> AudioStreamCall:
        """Validate a request. Raises pydantic.ValidationError, NotConfiguredError and NotPermittedError."""
        settings = self._accounts[account]
        manner = Manner.of(settings)
        call = AudioStreamCall(request_id, settings, body, self._taxonomy, manner, agora_sdk=self._agora_sdk)
        _check_permitted("appId", call.request.appId, settings.app_ids)
        _check_permitted("eventId", call.request.eventId, settings.event_ids)
        return call

    def restore(self, document: Mapping[str, Any]) -> AudioStreamCall:
        """Build a stored call again. Raises KeyError when its account is not configured any more.

        What the account may send was checked when the call was made.
        """
        account = self._accounts[document["account"]]
        # A version before stored no manner; there was but one.
        manner = Manner(**document.get("manner", {}))
        return AudioStreamCall(
            document["request_id"],
            account,
            document["body"],
            self._taxonomy,
            manner,
            agora_sdk=self._agora_sdk,
        )


def _check_permitted(field: str, value: str, permitted: Collection[str]) -> None:
    """Raise NotPermittedError for another value than the permitted ones; none named: any is."""
    if permitted and value not in permitted:
        raise NotPermittedError(field, value)
