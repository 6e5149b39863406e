"""The contract's query: a stream's callbacks of the last days, for a consumer that was down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from daemon.contracts.audiostream import replies
from daemon.contracts.audiostream.replies import Code, RefusedError
from daemon.contracts.audiostream.schema import QueryRequest
from daemon.ledger.interfaces import History, HistoryPage, Record
from daemon.registry import Registry

MAX_ANSWER_BYTES = 1024 * 1024
"""Callbacks of one answer, together; a single larger one is answered alone."""
RUNNING, ENDED = 0, 1


class StreamQuery:
    """Answers what was called back of a stream, and whether more is to come."""

    def __init__(self, registry: Registry, history: History | None) -> None:
        """Without `history` nothing is kept, and every query is refused."""
        self._registry = registry
        self._history = history

    async def answer(self, account: str, asked: QueryRequest, language: str) -> dict[str, Any]:
        """Return the answer's body. Raises RefusedError, LedgerError."""
        if self._history is None:
            raise RefusedError(Code.BAD_PARAMETER, replies.NOTHING_KEPT[language])
        # Asked before the history is: a stream that ends in between is known to one of them.
        running = self._registry.knows(account, asked.requestId)
        page = await self._history.page(
            account, asked.requestId, asked.startIndex, asked.limit, MAX_ANSWER_BYTES
        )
        if page is None:
            if not running:
                raise RefusedError(Code.BAD_PARAMETER, replies.NO_SUCH_STREAM[language])
            page = HistoryPage((), ended=False, more_from=None)
        body = replies.answer(asked.requestId, Code.SUCCESS, language)
        body["statCode"] = ENDED if page.ended else RUNNING
        body["windows"] = await asyncio.to_thread(_read, page.records)
        if page.more_from is not None:
            body["nextIndex"] = page.more_from
        return body


def _read(records: Sequence[Record]) -> list[Any]:
    return [json.loads(record.body) for record in records]
