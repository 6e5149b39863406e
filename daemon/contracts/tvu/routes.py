"""The contract's endpoints: export audio at once, export media as a job that is polled."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from aiohttp import web
from pydantic import ValidationError

from config.errors import AudiowardenError
from daemon.accounts import Account, Accounts
from daemon.contracts.body import BodyError, BodyFault, read_body
from daemon.contracts.tvu import replies
from daemon.contracts.tvu.messages import Message
from daemon.contracts.tvu.polling import PolledExports
from daemon.contracts.tvu.replies import RefusedError
from daemon.contracts.tvu.schema import ExportAudioRequest, ExportRequest, Part
from daemon.contracts.tvu.spelling import parse_printed
from daemon.contracts.tvu.translation import audio_export, media_export
from daemon.exports.export import Export, Exported, Form
from daemon.exports.exporter import why
from daemon.ledger.interfaces import LedgerError
from daemon.logs import tell
from daemon.metrics import Metrics
from daemon.storage.interfaces import Place

log = structlog.get_logger()

AUDIO_AT_ONCE = 4
AUDIO_WAITING = 16
AUDIO_DEADLINE_S = 120.0
"""Of an export of audio, waiting included: its client holds a connection open for it."""
FAILED = "the server failed"

Handler = Callable[[Account, dict[str, Any]], Awaitable[Message]]
Request = TypeVar("Request", bound=Part)


class RunsExports(Protocol):
    """What does exports."""

    async def export(self, account: str, export: Export, tell_progress: Callable[[float], None]) -> Exported:
        """Do an export. Raises AudiowardenError: the recording, a store or this disk does not let it."""


class TvuRoutes:
    """Validates, exports, and turns every outcome into the contract's own form."""

    def __init__(
        self,
        accounts: Accounts,
        exporter: RunsExports,
        polled: PolledExports,
        metrics: Metrics,
        sealing: Collection[str],
        *,
        deadline_s: float = AUDIO_DEADLINE_S,
    ) -> None:
        """`sealing`: the names of the accounts that have a key for encrypted playlists."""
        self._accounts = accounts
        self._exporter = exporter
        self._polled = polled
        self._metrics = metrics
        self._sealing = sealing
        self._deadline_s = deadline_s
        self._slots = asyncio.Semaphore(AUDIO_AT_ONCE)
        self._asked = 0

    def add_to(self, app: web.Application) -> None:
        """Register the endpoints."""
        app.router.add_post("/exportaudio", self.export_audio)
        app.router.add_post("/api/resource/v1/i/export", self.export_media)

    async def export_audio(self, request: web.Request) -> web.Response:
        """`POST /exportaudio`."""
        began = time.monotonic()

        def took_ms() -> int:
            return round((time.monotonic() - began) * 1000)

        async def handle(account: Account, body: dict[str, Any]) -> Message:
            await self._export_audio(account, _validated(ExportAudioRequest, body))
            return replies.audio_done(took_ms())

        return await self._answer(
            request, "exportaudio", handle, lambda text: replies.audio_failed(text, took_ms())
        )

    async def export_media(self, request: web.Request) -> web.Response:
        """`POST /api/resource/v1/i/export`."""
        return await self._answer(request, "export", self._export_media, replies.failed)

    async def _answer(
        self, request: web.Request, endpoint: str, handle: Handler, refusal: Callable[[str], Message]
    ) -> web.Response:
        """Authenticate, handle, and turn every refusal into the contract's own form."""
        status = 200
        try:
            body = parse_printed(await read_body(request))
            reply = await handle(self._authenticate(body), body)
        except BodyError as error:
            status = 413 if error.fault is BodyFault.TOO_LARGE else 200
            reply = refusal(str(error))
        except RefusedError as error:
            reply = refusal(str(error))
        except LedgerError as error:
            tell("ledger_unavailable", error)
            reply = refusal(FAILED)
        except Exception:
            log.exception("request_failed", endpoint=endpoint)
            reply = refusal(FAILED)
        document = reply.document()
        self._metrics.requests.labels(endpoint, str(document["ErrorCode"])).inc()
        return web.json_response(document, status=status, dumps=partial(json.dumps, ensure_ascii=False))

    def _authenticate(self, body: dict[str, Any]) -> Account:
        session = body.get("SessionId")
        if not isinstance(session, str) or not session:
            raise RefusedError(
                "SessionId is required" if session is None else "SessionId should be a string, not empty"
            )
        account = self._accounts.of_session(session)
        if account is None:
            raise RefusedError("SessionId is not valid")
        if not account.admit():
            raise RefusedError("too many requests, try again later")
        return account

    async def _export_audio(self, account: Account, request: ExportAudioRequest) -> None:
        export = audio_export(request)
        _check_buckets(account, export, "S3Bucket")
        if self._asked >= AUDIO_AT_ONCE + AUDIO_WAITING:
            raise RefusedError("too many exports of audio at once, try again later")
        self._asked += 1
        try:
            async with asyncio.timeout(self._deadline_s), self._slots:
                await self._exporter.export(account.name, export, lambda _: None)
        except TimeoutError:
            raise RefusedError(
                f"the export was not finished within {self._deadline_s:g} s; ask for a shorter span"
            ) from None
        except AudiowardenError as error:
            log.warning("audio_not_exported", account=account.name, reason=str(error))
            raise RefusedError(why(error, export)) from None
        finally:
            self._asked -= 1
        log.info("audio_exported", account=account.name)

    async def _export_media(self, account: Account, body: dict[str, Any]) -> Message:
        request = _validated(ExportRequest, body)
        asked = media_export(request)
        _check_buckets(account, asked.export, "storage_info")
        if asked.export.form is Form.SEALED_PLAYLIST and account.name not in self._sealing:
            raise RefusedError(
                "export_type 4 needs accounts.tvu.descriptor_key, which this account has not got"
            )
        return await self._polled.answer(account.name, asked)


def _validated(model: type[Request], body: dict[str, Any]) -> Request:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise RefusedError(replies.explain(error)) from None


def _check_buckets(account: Account, export: Export, field: str) -> None:
    places = [source for source in export.sources if isinstance(source, Place)]
    for place in (*places, export.target):
        if not account.may_use(place.location.bucket):
            raise RefusedError(f"{field}: this account may not use the bucket {place.location.bucket}")
