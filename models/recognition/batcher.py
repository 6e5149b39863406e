"""Admission and batching in front of a speech recogniser: fair between streams, bounded, with deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence

from models.errors import OverloadedError, RecognitionError
from models.interfaces import Attempt, SpeechRecogniser, Utterance
from models.recognition.seats import Seats
from models.results import Transcript

__all__ = ["Batcher", "OverloadedError", "RecognitionError"]

SECOND_TRIES_PER_WORKER = 4
"""How many doubtful windows may wait for each worker; beyond that the first reading is the answer."""
COST_WEIGHT = 0.05
"""Weight of the newest window in the average cost: about the last twenty count."""


class _Request:
    """One window and the caller who waits for it. `answer` belongs to the loop, all else to the lock."""

    __slots__ = ("answer", "late", "loop", "reading", "stream", "timer", "utterance")

    def __init__(self, stream: str, utterance: Utterance, loop: asyncio.AbstractEventLoop) -> None:
        self.stream = stream
        self.utterance = utterance
        self.loop = loop
        self.answer: asyncio.Future[Transcript] = loop.create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.reading: Transcript | None = None
        """The first reading, while the window waits for a second one."""
        self.late = False
        """The deadline has passed, or nobody waits any more: no more work on it."""


class _FairQueue:
    """Windows by stream; each turn takes one of every stream that has some."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, deque[_Request]] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, request: _Request) -> None:
        self._streams.setdefault(request.stream, deque()).append(request)
        self._length += 1

    def take(self) -> _Request:
        """Take the next stream's oldest window; the stream goes to the end of the line."""
        stream, requests = self._streams.popitem(last=False)
        request = requests.popleft()
        if requests:
            self._streams[stream] = requests
        self._length -= 1
        return request

    def remove(self, request: _Request) -> bool:
        """Whether the window was still waiting; if so it is taken out."""
        requests = self._streams.get(request.stream)
        if requests is None or request not in requests:
            return False
        requests.remove(request)
        if not requests:
            del self._streams[request.stream]
        self._length -= 1
        return True


class Batcher:
    """Reads the windows of all streams with one recogniser.

    Its workers take at once what waits, never wait for more, and share what is there between them. A worker
    that has read a batch reads one doubtful window again before its next batch, so that under load neither
    sort of work stops the other; second tries wait in a bounded line of their own.

    `transcribe` is called on an event loop; the other members may be used from any thread.
    """

    def __init__(
        self,
        recogniser: SpeechRecogniser,
        *,
        queue_size: int = 256,
        cost_s: float | None = None,
        seats: Seats | None = None,
        second_tries: bool = True,
    ) -> None:
        """Start the recogniser's number of threads.

        `queue_size` bounds the windows that wait for their first reading; ten seconds are 0.64 MB. `cost_s`
        is what a window may be expected to cost until some were read. Batchers that share a processor share
        their `seats`. Without `second_tries` a doubtful reading is the answer, and says that it is one.
        """
        self._recogniser = recogniser
        self._queue_size = queue_size
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._first = _FairQueue()
        self._second = _FairQueue()
        self._second_size = SECOND_TRIES_PER_WORKER * recogniser.workers if second_tries else 0
        self._seats = seats or Seats(recogniser.workers)
        self._running: set[_Request] = set()
        self._idle = 0
        self._closing = False
        self._second_tries_s = 0.0
        self._cost_s = cost_s
        self._threads = [
            threading.Thread(target=self._serve, name=f"recogniser-{number}", daemon=True)
            for number in range(recogniser.workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Windows that wait for a reading, the first or the second."""
        with self._lock:
            return len(self._first) + len(self._second)

    @property
    def reading(self) -> int:
        """Windows that are being read now."""
        with self._lock:
            return len(self._running)

    @property
    def workers(self) -> int:
        """How many threads read."""
        return len(self._threads)

    @property
    def cost_s(self) -> float | None:
        """Seconds of one worker's time that a window takes, second tries included: a moving average.

        None until something was read. The machine reads `workers / cost_s` windows a second.
        """
        with self._lock:
            return self._cost_s

    @property
    def delay_s(self) -> float:
        """Seconds until a window that came now would be begun, by the average cost; 0 when not known."""
        with self._lock:
            ahead = len(self._first) + len(self._second) + len(self._running)
            idle = self._idle > 0 and not self._first
            return 0.0 if idle or self._cost_s is None else ahead * self._cost_s / len(self._threads)

    async def transcribe(self, stream: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        """Return the words of one window.

        `deadline` is a time of the loop's clock by which work on it must have begun, None: wait. Raises
        OverloadedError (retryable) when the queue is full, the deadline passes or the batcher closes, and
        RecognitionError when the recogniser fails on this window. A cancelled caller's window is not read.
        """
        loop = asyncio.get_running_loop()
        request = _Request(stream, utterance, loop)
        with self._lock:
            if self._closing:
                raise OverloadedError("speech recognition is shutting down")
            if len(self._first) >= self._queue_size:
                raise OverloadedError(f"{self._queue_size} windows wait for speech recognition already")
            self._first.put(request)
            self._work.notify()
        if deadline is not None:
            request.timer = loop.call_at(deadline, self._expire, request)
        try:
            return await request.answer
        finally:
            if request.timer is not None:
                request.timer.cancel()
            self._forget(request)

    async def close(self, deadline_s: float = 10.0) -> bool:
        """Fail what waits, let the readings in progress end, stop the threads.

        Returns False when a thread was still reading after `deadline_s`; what it reads is failed too. Only
        when it returns True may the recogniser be closed.
        """
        with self._lock:
            self._closing = True
            left = [self._first.take() for _ in range(len(self._first))]
            again = [self._second.take() for _ in range(len(self._second))]
            self._work.notify_all()
        for request in left:
            _answer(request, OverloadedError("speech recognition is shutting down"))
        for request in again:
            _answer(request, request.reading)
        stopped = await asyncio.to_thread(self._join, time.monotonic() + deadline_s)
        with self._lock:
            running = list(self._running)
        for request in running:
            _answer(request, OverloadedError("speech recognition was shut down while it read this window"))
        return stopped

    def _join(self, deadline: float) -> bool:
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _expire(self, request: _Request) -> None:
        """On the loop: the deadline has passed. A window whose first reading is done gets that one."""
        with self._lock:
            error: OverloadedError | None
            if self._first.remove(request):
                error = OverloadedError("speech recognition did not come to this window in time")
            elif self._second.remove(request):
                error = None
            else:
                request.late = True
                return
        _settle(request, error or request.reading)

    def _forget(self, request: _Request) -> None:
        """On the loop: the caller has its answer or was cancelled; a window that still waits is not read."""
        with self._lock:
            request.late = True
            if not self._first.remove(request):
                self._second.remove(request)

    def _serve(self) -> None:
        """Body of a worker thread."""
        second_turn = False
        while True:
            with self._lock:
                self._idle += 1
                while not (self._closing or self._first or self._second):
                    self._work.wait()
                self._idle -= 1
                if self._closing:
                    return
            with self._seats:
                second_turn = self._turn(second_turn=second_turn)

    def _turn(self, *, second_turn: bool) -> bool:
        """Read a batch, or one doubtful window again; return whether the next turn is a doubtful window's."""
        with self._lock:
            # Another thread may have taken all that there was, while this one waited for its seat.
            if self._closing or not (self._first or self._second):
                return second_turn
            again = bool(self._second) and (second_turn or not self._first)
            batch = [self._second.take()] if again else self._take_batch()
            self._running.update(batch)
        begun_at = time.monotonic()
        if again:
            self._read_again(batch[0])
        else:
            self._read(batch)
        self._account(batch, time.monotonic() - begun_at, again=again)
        return not again

    def _take_batch(self) -> list[_Request]:
        """Under the lock: this worker's share of what waits; the others take theirs when they are free."""
        share = -(-len(self._first) // len(self._threads))
        return [self._first.take() for _ in range(min(share, self._recogniser.batch_size))]

    def _read(self, batch: Sequence[_Request]) -> None:
        try:
            attempts = self._attempt([request.utterance for request in batch])
        except RecognitionError as error:
            if len(batch) == 1:
                _answer(batch[0], error)
                return
            # One bad window must not cost its neighbours their words.
            for request in batch:
                self._read([request])
            return
        for request, attempt in zip(batch, attempts, strict=True):
            reading = dataclasses.replace(attempt.transcript, doubtful=attempt.doubtful)
            if not (attempt.doubtful and self._line_up_again(request, reading)):
                _answer(request, reading)

    def _attempt(self, utterances: Sequence[Utterance]) -> list[Attempt]:
        try:
            attempts = self._recogniser.read(utterances)
        except RecognitionError:
            raise
        except Exception as error:
            # Whatever a model raises, its thread must live on for the other windows.
            raise RecognitionError(f"the recogniser failed: {type(error).__name__}") from error
        if len(attempts) != len(utterances):
            raise RecognitionError(f"the recogniser answered {len(attempts)} of {len(utterances)} windows")
        return attempts

    def _line_up_again(self, request: _Request, reading: Transcript) -> bool:
        """Whether the window now waits for a second try; not when there is no time or no room for one."""
        with self._lock:
            if self._closing or request.late or len(self._second) >= self._second_size:
                return False
            request.reading = reading
            self._second.put(request)
            self._work.notify()
            return True

    def _read_again(self, request: _Request) -> None:
        try:
            _answer(request, self._recogniser.read_again(request.utterance))
        except RecognitionError as error:
            _answer(request, error)
        except Exception as error:
            # As above; the name tells enough, a message of foreign code may quote what was said.
            _answer(request, RecognitionError(f"the recogniser failed: {type(error).__name__}"))

    def _account(self, batch: Sequence[_Request], busy_s: float, *, again: bool) -> None:
        with self._lock:
            self._running.difference_update(batch)
            if again:
                self._second_tries_s += busy_s
                return
            cost_s = (busy_s + self._second_tries_s) / len(batch)
            self._second_tries_s = 0.0
            weight = 1.0 - (1.0 - COST_WEIGHT) ** len(batch)
            self._cost_s = cost_s if self._cost_s is None else self._cost_s + weight * (cost_s - self._cost_s)


def _answer(request: _Request, outcome: Transcript | Exception | None) -> None:
    """From any thread: give the caller what it waits for."""
    # A closed loop has no callers left.
    with contextlib.suppress(RuntimeError):
        request.loop.call_soon_threadsafe(_settle, request, outcome)


def _settle(request: _Request, outcome: Transcript | Exception | None) -> None:
    """On the loop."""
    if request.answer.done():
        return
    if isinstance(outcome, Transcript):
        request.answer.set_result(outcome)
    else:
        request.answer.set_exception(outcome or RecognitionError("the window was not read"))
