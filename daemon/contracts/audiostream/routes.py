"""The contract's endpoints: start a stream, finish it, query what was called back."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from daemon.accounts import Account, Accounts
from daemon.contracts.audiostream import replies
from daemon.contracts.audiostream.contract import AudioStreamCall, AudioStreamContract, NotPermittedError
from daemon.contracts.audiostream.pulls import NotConfiguredError
from daemon.contracts.audiostream.query import StreamQuery
from daemon.contracts.audiostream.replies import Code, RefusedError
from daemon.contracts.audiostream.schema import FinishRequest, QueryRequest
from daemon.contracts.body import BodyError, read_json_object
from daemon.ledger.interfaces import LedgerError, LimitReachedError
from daemon.logs import tell
from daemon.metrics import Metrics
from daemon.registry import CapacityError, DuplicateStreamError, Registry
from pipeline.network.addresses import AddressPolicy
from pipeline.network.urls import AddressError

log = structlog.get_logger()

DUPLICATE_STREAM = 1001
"""detail.errorCode of a stream that is live already."""

Handler = Callable[[Account, dict[str, Any], str, str], Awaitable[dict[str, Any]]]


class AudioStreamRoutes:
    """Validates, starts, finishes, queries, and answers; nothing here waits for a stream."""

    def __init__(
        self,
        contract: AudioStreamContract,
        accounts: Accounts,
        registry: Registry,
        addresses: AddressPolicy,
        metrics: Metrics,
        query: StreamQuery,
    ) -> None:
        self._contract = contract
        self._accounts = accounts
        self._registry = registry
        self._addresses = addresses
        self._metrics = metrics
        self._stream_query = query

    def add_to(self, app: web.Application) -> None:
        """Register the endpoints."""
        app.router.add_post("/audiostream/v4", self.start)
        app.router.add_post("/finish_audiostream/v4", self.finish)
        app.router.add_post("/query_audiostream/v4", self.query)

    async def start(self, request: web.Request) -> web.Response:
        """`POST /audiostream/v4`."""
        return await self._answer(request, "start", self._start)

    async def finish(self, request: web.Request) -> web.Response:
        """`POST /finish_audiostream/v4`."""
        return await self._answer(request, "finish", self._finish)

    async def query(self, request: web.Request) -> web.Response:
        """`POST /query_audiostream/v4`."""
        return await self._answer(request, "query", self._query)

    async def _answer(self, request: web.Request, endpoint: str, handle: Handler) -> web.Response:
        """Authenticate, handle, and turn every refusal into the contract's own form."""
        request_id = uuid.uuid4().hex
        language = "zh"
        try:
            body = await read_json_object(request)
            if body.get("acceptLang") == "en":
                language = "en"
            if endpoint != "start" and isinstance(body.get("requestId"), str):
                request_id = body["requestId"]
            reply = await handle(self._authenticate(body, language), body, request_id, language)
        except RefusedError as error:
            reply = replies.answer(request_id, error.code, language, error.message, error.detail)
        except BodyError as error:
            refusal = replies.bad_body(error)
            reply = replies.answer(request_id, refusal.code, language, refusal.message)
        except LedgerError as error:
            tell("ledger_unavailable", error, request_id=request_id)
            reply = replies.answer(request_id, Code.FAILED, language)
        except Exception:
            log.exception("request_failed", endpoint=endpoint)
            reply = replies.answer(request_id, Code.FAILED, language)
        self._metrics.requests.labels(endpoint, str(reply["code"])).inc()
        return web.json_response(reply, dumps=partial(json.dumps, ensure_ascii=False))

    def _authenticate(self, body: dict[str, Any], language: str) -> Account:
        key = body.get("accessKey")
        if not isinstance(key, str) or not key:
            fault = (
                "missing"
                if key is None
                else "string_type"
                if not isinstance(key, str)
                else "string_too_short"
            )
            raise replies.bad_parameter("accessKey", replies.fault(fault, language), language)
        account = self._accounts.authenticate(key)
        if account is None:
            raise RefusedError(Code.NOT_PERMITTED, replies.MESSAGES[Code.NOT_PERMITTED][language])
        if not account.admit():
            raise RefusedError(Code.QUOTA, replies.MESSAGES[Code.QUOTA][language])
        return account

    async def _start(
        self, account: Account, body: dict[str, Any], request_id: str, language: str
    ) -> dict[str, Any]:
        try:
            call = self._contract.accept(request_id, account.name, body)
        except ValidationError as error:
            raise replies.refuse(error, language) from None
        except NotConfiguredError as error:
            text = replies.not_configured(error.stream_type, language, roster=error.roster)
            raise replies.bad_parameter("data.streamType", text, language) from None
        except NotPermittedError as error:
            text = replies.not_permitted(error.field, error.value, language)
            raise RefusedError(Code.NOT_PERMITTED, text) from None
        self._check_addresses(call, language)
        try:
            await self._registry.start(self._contract.name, call, limit=account.max_streams)
        except DuplicateStreamError as error:
            detail = {"errorCode": DUPLICATE_STREAM, "dupRequestId": error.stream_id}
            raise RefusedError(Code.BAD_PARAMETER, replies.DUPLICATE[language], detail) from None
        except CapacityError as error:
            log.warning("stream_refused", account=account.name, reason=str(error))
            raise RefusedError(Code.QUOTA, replies.AT_CAPACITY[language]) from None
        except LimitReachedError:
            raise RefusedError(Code.QUOTA, replies.MESSAGES[Code.QUOTA][language]) from None
        log.info("stream_accepted", request_id=request_id, account=account.name)
        return replies.answer(request_id, Code.SUCCESS, language)

    def _check_addresses(self, call: AudioStreamCall, language: str) -> None:
        try:
            # A room's address is the operator's template, not a field of the request.
            field = "data.url" if call.request.data.streamType == "NORMAL" else "data.streamType"
            if call.spec.url:
                self._addresses.check_url(call.spec.url, "stream")
            field = "callback"
            self._addresses.check_url(call.callback_url, "callback")
        except AddressError as error:
            raise replies.bad_parameter(field, replies.in_words(str(error), language), language) from None

    async def _finish(
        self, account: Account, body: dict[str, Any], request_id: str, language: str
    ) -> dict[str, Any]:
        try:
            asked = FinishRequest.model_validate(body)
        except ValidationError as error:
            raise replies.refuse(error, language) from None
        if not await self._registry.finish(account.name, asked.requestId):
            raise RefusedError(Code.BAD_PARAMETER, replies.NO_SUCH_STREAM[language])
        log.info("stream_finishing", request_id=asked.requestId, account=account.name)
        return replies.answer(asked.requestId, Code.SUCCESS, language)

    async def _query(self, account: Account, body: dict[str, Any], _: str, language: str) -> dict[str, Any]:
        try:
            asked = QueryRequest.model_validate(body)
        except ValidationError as error:
            raise replies.refuse(error, language) from None
        return await self._stream_query.answer(account.name, asked, language)
