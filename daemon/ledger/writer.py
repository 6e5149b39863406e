"""The ledger's only thread: it gathers the operations that wait, commits them together, then answers."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from daemon.ledger.interfaces import LedgerError

T = TypeVar("T")

MAX_WAITING = 4096
"""Operations that may wait for the thread; further callers wait for a place."""
_MAX_BATCH = 256
_ANSWER_DEADLINE_S = 30.0
_CLOSE_DEADLINE_S = 15.0


def _nothing(_: object = None) -> None:
    return None


@dataclass(slots=True, eq=False)
class _Operation(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    writes: bool
    after: Callable[[T], None]
    wake: Callable[[], None]
    answer: asyncio.Future[T]
    result: T | None = None
    error: Exception | None = None

    def settle(self) -> None:
        """Answer the caller; runs in the event loop."""
        if self.error is None:
            self.wake()
        if self.answer.done():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)  # type: ignore[arg-type]  # set whenever there is no error


class Writer:
    """Runs operations on one SQLite connection, in a thread of its own.

    All writes that wait are committed in one transaction, each within its savepoint, so that one sync to disk
    serves them all and a failing one fails alone. Reads of the same batch run after the commit.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        shut: Callable[[sqlite3.Connection], None],
        explain: Callable[[sqlite3.Error], LedgerError],
    ) -> None:
        self._connect = connect
        self._shut = shut
        self._explain = explain
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(MAX_WAITING)
        self._queue: queue.SimpleQueue[_Operation[Any] | None] = queue.SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)

    async def start(self) -> None:
        """Open the connection in the thread. Raises what `connect` raises."""
        self._thread.start()
        await self._opened

    async def close(self) -> None:
        """Finish what waits, close the connection, end the thread. Raises LedgerError. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        try:
            async with asyncio.timeout(_CLOSE_DEADLINE_S):
                await asyncio.shield(self._ended)
        except TimeoutError:
            raise LedgerError(f"the ledger did not close within {_CLOSE_DEADLINE_S:.0f} s") from None

    async def call(
        self,
        run: Callable[[sqlite3.Connection], T],
        *,
        writes: bool,
        after: Callable[[T], None] = _nothing,
        wake: Callable[[], None] = _nothing,
        abandon: Callable[[T], None] = _nothing,
    ) -> T:
        """Run an operation and return its result, once that is on disk.

        `run` may be repeated, so it only touches the database; `after` touches the thread's own memory, once
        the result is committed. `wake` runs in the loop when it succeeded. `abandon` gets, in the loop, the
        result that a cancelled caller did not fetch. Raises LedgerError, and whatever `run` raises.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        try:
            async with asyncio.timeout(_ANSWER_DEADLINE_S):
                await self._slots.acquire()
                answer.add_done_callback(lambda _: self._slots.release())
                self._post(_Operation(run, writes, after, wake, answer))
                return await asyncio.shield(answer)
        except TimeoutError:
            _desert(answer, abandon)
            raise LedgerError(f"the ledger did not answer within {_ANSWER_DEADLINE_S:.0f} s") from None
        except asyncio.CancelledError:
            _desert(answer, abandon)
            raise

    def send(self, run: Callable[[sqlite3.Connection], None], *, wake: Callable[[], None] = _nothing) -> None:
        """Run a read-only operation whose outcome nobody waits for; not bounded, for rare clean-ups only."""
        if not self._closed:
            self._post(_Operation(run, False, _nothing, wake, self._loop.create_future()))

    def _post(self, operation: _Operation[Any]) -> None:
        if self._closed:
            operation.answer.set_exception(LedgerError("the ledger is closed"))
        else:
            self._queue.put(operation)

    def _work(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # handed to whoever opens
            self._tell(_set_exception, self._opened, error)
            return
        self._tell(_set_result, self._opened)
        running = True
        while running:
            batch, running = self._gather()
            self._execute(connection, batch)
            self._tell(_settle, batch)
        try:
            self._shut(connection)
        except sqlite3.Error as error:
            self._tell(_set_exception, self._ended, self._explain(error))
        else:
            self._tell(_set_result, self._ended)

    def _gather(self) -> tuple[list[_Operation[Any]], bool]:
        operation = self._queue.get()
        batch: list[_Operation[Any]] = []
        while operation is not None:
            batch.append(operation)
            if len(batch) >= _MAX_BATCH:
                return batch, True
            try:
                operation = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _execute(self, connection: sqlite3.Connection, batch: list[_Operation[Any]]) -> None:
        writes = [operation for operation in batch if operation.writes]
        if writes:
            self._commit(connection, writes)
        for operation in batch:
            if not operation.writes:
                try:
                    operation.result = operation.run(connection)
                except Exception as error:  # handed to the caller
                    operation.error = self._translate(error)

    def _commit(self, connection: sqlite3.Connection, operations: list[_Operation[Any]]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            for operation in operations:
                operation.error = self._explain(error)
            return
        try:
            for operation in operations:
                self._run_alone(connection, operation)
            connection.execute("COMMIT")
        except Exception as error:  # handed to the callers; the thread must live on
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            self._commit_each(connection, operations, error)
            return
        for operation in operations:
            if operation.error is None:
                operation.after(operation.result)

    def _commit_each(
        self, connection: sqlite3.Connection, operations: list[_Operation[Any]], error: Exception
    ) -> None:
        """The whole batch was rolled back: give every operation its own chance, a small one may still fit."""
        if len(operations) == 1:
            operations[0].error = self._translate(error)
            return
        for operation in operations:
            operation.error = None
            self._commit(connection, [operation])

    def _run_alone(self, connection: sqlite3.Connection, operation: _Operation[Any]) -> None:
        connection.execute("SAVEPOINT operation")
        try:
            operation.result = operation.run(connection)
        except Exception as error:  # handed to the caller
            if not connection.in_transaction:
                raise  # SQLite has rolled the whole transaction back (disk full, input/output error)
            connection.execute("ROLLBACK TO operation")
            operation.error = self._translate(error)
        connection.execute("RELEASE operation")

    def _translate(self, error: Exception) -> Exception:
        return self._explain(error) if isinstance(error, sqlite3.Error) else error

    def _tell(self, function: Callable[..., None], *values: object) -> None:
        # A loop that was closed without closing the ledger has nobody left to tell.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *values)


def _settle(batch: list[_Operation[Any]]) -> None:
    for operation in batch:
        operation.settle()


def _set_result(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _set_exception(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _desert(answer: asyncio.Future[T], abandon: Callable[[T], None]) -> None:
    def fetched(future: asyncio.Future[T]) -> None:
        if not future.cancelled() and future.exception() is None:
            abandon(future.result())

    answer.add_done_callback(fetched)
