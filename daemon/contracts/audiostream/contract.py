"""Translates an accepted request of the contract into a stream to moderate, and its results back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from config.settings import AccountSettings
from config.taxonomy import Taxonomy
from daemon.contracts.audiostream import names
from daemon.contracts.audiostream.payload import PayloadWriter
from daemon.contracts.audiostream.pulls import pull_of
from daemon.contracts.audiostream.schema import StartRequest
from pipeline.report import StreamEnd, StreamSpec, WindowReport

STORED_KEY = "-"
"""Stands in stored requests for the access key, which is never stored."""


class AudioStreamCall:
    """One accepted `POST /audiostream/v4` (a `StreamCall`)."""

    def __init__(
        self, request_id: str, account: AccountSettings, body: Mapping[str, Any], taxonomy: Taxonomy
    ) -> None:
        """`body` is the request as it was sent.

        Raises pydantic.ValidationError when it is not valid, and NotConfiguredError when the account has no
        way to pull such streams.
        """
        self._body = {**body, "accessKey": STORED_KEY}
        self.request = StartRequest.model_validate(self._body)
        self._asked = names.asked(self.request.type, self.request.businessType)
        self._account = account.name
        self._pull = pull_of(self.request.data, account.pull_templates)
        self._writer = PayloadWriter(
            request_id, self.request, body["data"], self._asked, taxonomy, self._pull.user
        )
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
        )

    @property
    def identity(self) -> str:
        """The same address, room or channel is the same stream."""
        return self._pull.identity

    @property
    def callback_url(self) -> str:
        """Where callbacks go."""
        return self.request.callback

    @property
    def wants_end(self) -> bool:
        """Whether the finish notice is due."""
        return self.request.data.returnFinishInfo == 1

    def document(self) -> dict[str, Any]:
        """Return the request without its access key."""
        return {"request_id": self.spec.stream_id, "account": self._account, "body": self._body}

    def window(self, report: WindowReport) -> dict[str, Any]:
        """Write the callback of a window."""
        return self._writer.window(report)

    def end(self, end: StreamEnd, next_index: int) -> dict[str, Any]:
        """Write the finish notice."""
        return self._writer.end(end, next_index)


class AudioStreamContract:
    """The live audio stream contract (a `StreamContract`)."""

    name = "audiostream"

    def __init__(self, taxonomy: Taxonomy, accounts: Iterable[AccountSettings]) -> None:
        self._taxonomy = taxonomy
        self._accounts = {account.name: account for account in accounts}

    def accept(self, request_id: str, account: str, body: Mapping[str, Any]) -> AudioStreamCall:
        """Validate a request. Raises pydantic.ValidationError and NotConfiguredError."""
        return AudioStreamCall(request_id, self._accounts[account], body, self._taxonomy)

    def restore(self, document: Mapping[str, Any]) -> AudioStreamCall:
        """Build a stored call again. Raises KeyError when its account is not configured any more."""
        return self.accept(document["request_id"], document["account"], document["body"])
