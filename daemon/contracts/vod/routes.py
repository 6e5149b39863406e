"""The contract's endpoints: register an asset, extract its audio, cancel that, ask how an asset is."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from daemon.accounts import Account
from daemon.contracts.body import BodyError, BodyFault, parse_json_object, read_body
from daemon.contracts.vod import replies
from daemon.contracts.vod.access import Projects
from daemon.contracts.vod.assets import Asset, Assets, AssetStatus, UnreadableAssetError, audio_asset_id
from daemon.contracts.vod.details import CATEGORIES, describe
from daemon.contracts.vod.extraction import KIND
from daemon.contracts.vod.formats import AUDIO_FORMATS, FORMS, container_of
from daemon.contracts.vod.messages import (
    AssetAnswer,
    ExtractAudioAnswer,
    Message,
    UploadAsset,
    UploadByUrlAnswer,
)
from daemon.contracts.vod.registration import Registration
from daemon.contracts.vod.replies import RefusedError, refusal, refused
from daemon.contracts.vod.schema import (
    CreateAssetRequest,
    ExtractAudioRequest,
    UploadByUrlRequest,
    UploadMetaData,
)
from daemon.jobs.interfaces import Jobs, JobsFullError
from daemon.ledger.interfaces import LedgerError
from daemon.logs import tell
from daemon.metrics import Metrics
from daemon.storage.interfaces import Stores

log = structlog.get_logger()

PREFIX = "/v1.0/{project_id}/asset"
JSON_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
)
"""What clients call JSON: the second is what curl's `-d` says, the others are what clients say by default."""
BODY_FAULTS = {BodyFault.TOO_LARGE: replies.TOO_LARGE, BodyFault.LATE: replies.LATE}

Answer = tuple[int, Message | None]
Handler = Callable[[Account, web.Request, bytes], Awaitable[Answer]]
Asked = TypeVar("Asked", bound=BaseModel)


class VodRoutes:
    """Verifies, registers, starts, and answers; nothing here waits for an extraction."""

    def __init__(
        self,
        projects: Projects,
        assets: Assets,
        registration: Registration,
        jobs: Jobs,
        stores: Stores,
        metrics: Metrics,
    ) -> None:
        self._projects = projects
        self._assets = assets
        self._registration = registration
        self._jobs = jobs
        self._stores = stores
        self._metrics = metrics

    def add_to(self, app: web.Application) -> None:
        """Register the endpoints."""
        for method, path, name, handle in (
            ("POST", "", "create", self._create),
            ("POST", "/reproduction", "create", self._create),
            ("POST", "/upload_by_url", "create", self._create_several),
            ("POST", "/extract_audio", "extract", self._extract),
            ("DELETE", "/extract_audio", "cancel", self._cancel),
            ("GET", "/details", "details", self._details),
        ):
            app.router.add_route(method, PREFIX + path, partial(self._answer, name, handle))
        app.router.add_route("*", "/v1.0/{rest:.*}", self.unknown)

    async def unknown(self, _: web.Request) -> web.Response:
        """Answer what is no endpoint of the contract."""
        return _response(404, refusal(replies.NO_SUCH_API, "en"), uuid.uuid4().hex)

    async def _answer(self, name: str, handle: Handler, request: web.Request) -> web.Response:
        """Authenticate, handle, and turn every refusal into the contract's own form."""
        request_id = uuid.uuid4().hex
        language = "zh" if request.headers.get("X-Language", "").lower().startswith("zh") else "en"
        try:
            body = await read_body(request)
            status, message = await handle(self._projects.admit(request, body), request, body)
        except RefusedError as error:
            fault, detail = error.fault, error.detail
        except BodyError as error:
            fault = BODY_FAULTS.get(error.fault, replies.BAD_PARAMETER)
            detail = "" if fault is replies.LATE else f"{error}."
        except JobsFullError as error:
            fault, detail = replies.THROTTLED, f"{error}."
        except UnreadableAssetError:
            fault, detail = replies.UNREADABLE, ""
        except LedgerError as error:
            tell("ledger_unavailable", error, request_id=request_id)
            fault, detail = replies.AWAY, ""
        except Exception:
            log.exception("request_failed", endpoint=f"vod.{name}", request_id=request_id)
            fault, detail = replies.INTERNAL, ""
        else:
            self._metrics.requests.labels(f"vod.{name}", str(status)).inc()
            document = None if message is None else message.model_dump(mode="json", exclude_none=True)
            return _response(status, document, request_id)
        self._metrics.requests.labels(f"vod.{name}", fault.code).inc()
        return _response(fault.status, refusal(fault, language, detail), request_id)

    async def _create(self, account: Account, request: web.Request, body: bytes) -> Answer:
        asset = await self._registration.create(account, _read(request, body, CreateAssetRequest))
        log.info("asset_registered", account=account.name, asset=asset.asset_id)
        return 200, AssetAnswer(asset_id=asset.asset_id)

    async def _create_several(self, account: Account, request: web.Request, body: bytes) -> Answer:
        asked = _read(request, body, UploadByUrlRequest)
        several = [await self._create_at(account, each) for each in asked.upload_metadatas]
        return 200, UploadByUrlAnswer(upload_assets=several)

    async def _create_at(self, account: Account, asked: UploadMetaData) -> UploadAsset:
        try:
            asset = await self._registration.create_at(account, asked)
        except RefusedError as error:
            text = refusal(error.fault, "en", error.detail)
            return UploadAsset(url=asked.url, **text)
        log.info("asset_registered", account=account.name, asset=asset.asset_id)
        return UploadAsset(url=asked.url, asset_id=asset.asset_id)

    async def _extract(self, account: Account, request: web.Request, body: bytes) -> Answer:
        asked = _read(request, body, ExtractAudioRequest)
        source = await self._assets.get(account.name, asked.asset_id)
        if source is None:
            raise RefusedError(replies.NOT_FOUND)
        if source.made_from:
            raise RefusedError(replies.UNSUPPORTED, "asset_id: it is audio that was extracted already.")
        audio_id = audio_asset_id(account.name, source.asset_id, asked.format)
        now = self._assets.now()
        await self._assets.register(
            account.name,
            Asset(
                asset_id=audio_id,
                title=source.title,
                created_at=now,
                modified_at=now,
                status=AssetStatus.WAITING,
                video_type=container_of(asked.format),
                place=source.results.child(f"{audio_id}.{FORMS[asked.format]}"),
                made_from=source.asset_id,
            ),
        )
        # Said now: one that is there from before may be one that no extraction can read.
        await self._assets.get(account.name, audio_id)
        wish = {"asset_id": source.asset_id, "format": asked.format}
        # Whoever asks once more after the end gets a new extraction, and an event of its end.
        await self._jobs.submit(KIND, account.name, audio_id, wish, again=True)
        log.info("extraction_accepted", account=account.name, asset=source.asset_id, audio_asset=audio_id)
        return 202, ExtractAudioAnswer(asset_id=source.asset_id, audio_asset_id=audio_id)

    async def _cancel(self, account: Account, request: web.Request, _: bytes) -> Answer:
        asset = await self._wanted(account, request)
        audio_ids = (
            [asset.asset_id]
            if asset.made_from
            else [audio_asset_id(account.name, asset.asset_id, each) for each in AUDIO_FORMATS]
        )
        cancelled = [await self._jobs.cancel(KIND, account.name, each) for each in audio_ids]
        if not any(cancelled):
            raise RefusedError(replies.WRONG_STATE)
        log.info("extraction_cancelled", account=account.name, asset=asset.asset_id)
        return 204, None

    async def _details(self, account: Account, request: web.Request, _: bytes) -> Answer:
        categories = _categories(request.query.getall("categories", []))
        asset = await self._wanted(account, request)
        job = await self._jobs.state(KIND, account.name, asset.asset_id) if asset.made_from else None
        return 200, await describe(asset, job, self._stores, categories)

    async def _wanted(self, account: Account, request: web.Request) -> Asset:
        ids = request.query.getall("asset_id", [])
        if len(ids) != 1 or not ids[0]:
            raise RefusedError(replies.BAD_PARAMETER, "asset_id: exactly one is required in the query.")
        asset = await self._assets.get(account.name, ids[0])
        if asset is None:
            raise RefusedError(replies.NOT_FOUND)
        return asset


def _read(request: web.Request, body: bytes, model: type[Asked]) -> Asked:
    """Return the body as what the endpoint takes. Raises RefusedError, BodyError."""
    kind = request.content_type
    if "Content-Type" in request.headers and kind not in JSON_TYPES and not kind.endswith("+json"):
        raise RefusedError(replies.CONTENT_TYPE, "Content-Type must be application/json.")
    try:
        return model.model_validate(parse_json_object(body))
    except ValidationError as error:
        raise refused(error) from None


def _categories(asked: Sequence[str]) -> Sequence[str]:
    """Return which parts of the details are wanted; several may be in one field."""
    wanted = [each.strip() for field in asked for each in field.split(",") if each.strip()]
    if unknown := [each for each in wanted if each not in CATEGORIES]:
        raise RefusedError(
            replies.BAD_PARAMETER,
            f"categories: {unknown[0][:32]!r} is none; known: {' '.join(CATEGORIES)}.",
        )
    return wanted or CATEGORIES


def _response(status: int, document: dict[str, Any] | None, request_id: str) -> web.Response:
    headers = {"X-Request-Id": request_id}
    if document is None:
        return web.Response(status=status, headers=headers)
    dumps = partial(json.dumps, ensure_ascii=False)
    return web.json_response(document, status=status, headers=headers, dumps=dumps)
