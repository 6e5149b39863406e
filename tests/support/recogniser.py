"""A speech recogniser that reads numbers instead of speech, stops on demand, and notes what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from models.errors import RecognitionError
from models.interfaces import Attempt, Utterance
from models.results import Transcript

PATIENCE_S = 30.0


def window(number: int) -> Utterance:
    """A window that says its number."""
    return Utterance(np.array([number], np.float32), "en")


def number_of(utterance: Utterance) -> int:
    return int(utterance.samples[0])


def transcript(text: str, *, second_try: bool = False, spoken: str = "") -> Transcript:
    return Transcript(text, "en", 1.0, -0.1, 0.0, second_try=second_try, spoken=spoken)


def heard(utterance: Utterance) -> str:
    """What is heard where somebody listens for it."""
    return "en" if utterance.identify else ""


class NumberRecogniser:
    """Implements SpeechRecogniser. `held` makes every call wait for `allow` first."""

    def __init__(self, *, workers: int = 1, batch_size: int = 4, held: bool = False) -> None:
        self._workers = workers
        self._batch_size = batch_size
        self._permits = threading.Semaphore(0)
        self._held = held
        self.calls: list[list[int]] = []
        """The numbers of every call's windows; a second try is a list of one negative number."""
        self.doubtful: set[int] = set()
        self.failing: set[int] = set()
        self.failure: Exception = RecognitionError("this window cannot be read")
        self.closed = False

    @property
    def workers(self) -> int:
        return self._workers

    @property
    def batch_size(self) -> int:
        return self._batch_size

    @property
    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    def allow(self, calls: int = 1) -> None:
        """Let this many calls go on."""
        self._permits.release(calls)

    def let_go(self) -> None:
        """Hold nothing from now on."""
        self._held = False
        self._permits.release(1000)

    def read(self, batch: Sequence[Utterance]) -> list[Attempt]:
        numbers = [number_of(utterance) for utterance in batch]
        self._begin(numbers)
        if self.failing.intersection(numbers):
            raise self.failure
        return [
            Attempt(transcript(f"window {number}", spoken=heard(utterance)), number in self.doubtful)
            for number, utterance in zip(numbers, batch, strict=True)
        ]

    def read_again(self, utterance: Utterance) -> Transcript:
        number = number_of(utterance)
        self._begin([-number])
        if -number in self.failing:
            raise self.failure
        return transcript(f"window {number} again", second_try=True, spoken=heard(utterance))

    def close(self) -> None:
        self.closed = True

    def _begin(self, numbers: list[int]) -> None:
        self.calls.append(numbers)
        if self._held and not self._permits.acquire(timeout=PATIENCE_S):
            raise AssertionError("nobody let this call go on")
