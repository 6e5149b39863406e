"""Screening: which windows the small recogniser's words will do for, and which the large one reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from config.taxonomy import RiskType
from models.errors import OverloadedError
from models.interfaces import Utterance
from models.results import EMPTY_TRANSCRIPT, Invention, Transcript
from pipeline.report import StreamSpec
from pipeline.screen import Route, Screen, Screened, is_sure
from pipeline.words import WordSearch
from tests.support.streams import FakeTranscriber, OneList, WordClassifier, spec

TALK = "good evening everybody and welcome to the kitchen"
SURE = Transcript(TALK, "en", 1.0, -0.2, 0.01)
SPOKEN_S = 3.0
SAMPLES = np.zeros(160, np.float32)


@pytest.fixture(name="threads")
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def screen_of(
    threads: ThreadPoolExecutor,
    *texts: str | Exception,
    languages: frozenset[str] = frozenset({"en"}),
    probability: float = 0.1,
    words: str = "no such word",
) -> Screen:
    """A screen that is suspicious of `idiot`, however unsure it is, and of a customer's `words`."""
    classifiers = [WordClassifier("idiot", probability)]
    search = WordSearch(classifiers, [], lambda account: OneList(words) if account == "acme" else None)
    return Screen(FakeTranscriber(*texts), languages, search, threads)


async def read(
    screen: Screen, stream: StreamSpec | None = None, *, before: str = "", identify: bool = False
) -> Screened:
    stream = stream or spec()
    said_before = dataclasses.replace(SURE, text=before) if before else None
    utterance = Utterance(SAMPLES, stream.language, identify)
    return await screen.read(stream, stream.stream_id, utterance, SPOKEN_S, said_before, deadline=None)


async def test_harmless_talk_is_the_small_ones(threads: ThreadPoolExecutor) -> None:
    screened = await read(screen_of(threads, TALK))
    assert screened.route is Route.CLEARED
    assert screened.transcript is not None
    assert screened.transcript.text == TALK


async def test_a_finding_that_nobody_would_report_is_suspicious(threads: ThreadPoolExecutor) -> None:
    assert await read(screen_of(threads, TALK + " you idiot", probability=0.01)) == Screened(Route.SUSPECTED)


async def test_a_risk_that_nobody_asked_for_is_not(threads: ThreadPoolExecutor) -> None:
    stream = spec(risks=frozenset({RiskType.AD}))
    assert (await read(screen_of(threads, TALK + " you idiot"), stream)).route is Route.CLEARED


async def test_a_word_of_the_accounts_own_lists_is_suspicious(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, TALK, TALK, words="kitchen")
    assert (await read(screen)).route is Route.SUSPECTED
    assert (await read(screen, spec(account="other"))).route is Route.CLEARED


async def test_a_phrase_that_began_in_the_window_before_is_suspicious(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, "kitchen is warm and the soup is hot", words="the kitchen")
    assert (await read(screen, before="welcome back to the")).route is Route.SUSPECTED


async def test_a_language_that_the_small_one_does_not_know_goes_straight(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, TALK)
    for language in ("zh", None):
        assert await read(screen, spec(language=language)) == Screened(Route.STRAIGHT)
    assert (await read(screen)).route is Route.CLEARED, "it was not asked about the others"


async def test_a_small_one_of_many_languages_detects_them(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, TALK, languages=frozenset({"en", "zh"}))
    assert (await read(screen, spec(language=None))).route is Route.CLEARED


async def test_which_language_is_spoken_only_the_large_one_is_asked(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, TALK, languages=frozenset({"en", "zh"}))
    assert await read(screen, identify=True) == Screened(Route.STRAIGHT)


async def test_an_overload_is_told(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(OverloadedError):
        await read(screen_of(threads, OverloadedError("too late")))


@pytest.mark.parametrize(
    ("changes", "sure"),
    [
        ({}, True),
        ({"doubtful": True}, False),
        ({"average_log_probability": -0.51}, False),
        ({"no_speech_probability": 0.7}, False),
        ({"text": "good evening"}, False),
        ({"text": "晚上好大家欢迎回到厨房"}, True),
        ({"text": "", "invention": Invention.REPETITION}, False),
    ],
)
def test_what_is_sure(changes: dict[str, object], sure: bool) -> None:
    transcript = dataclasses.replace(SURE, **changes)  # type: ignore[arg-type]  # keyword by keyword
    assert is_sure(transcript, SPOKEN_S, "en") is sure


def test_no_words_where_somebody_speaks_are_not_believed() -> None:
    assert not is_sure(EMPTY_TRANSCRIPT, 0.0, "en")


def test_a_guessed_language_is_not_sure() -> None:
    guessed = dataclasses.replace(SURE, language_probability=0.5)
    assert is_sure(guessed, SPOKEN_S, "en")
    assert not is_sure(guessed, SPOKEN_S, None)


async def test_the_shares_follow_what_is_read(threads: ThreadPoolExecutor) -> None:
    screen = screen_of(threads, *[TALK] * 300)
    assert (screen.small_share, screen.large_share) == (1.0, 1.0), "the worst is expected at first"
    for _ in range(300):
        await read(screen)
    assert screen.small_share == 1.0
    assert screen.large_share == pytest.approx(0.0, abs=0.01)
    for _ in range(300):
        await read(screen, spec(language="zh"))
    assert screen.small_share == pytest.approx(0.0, abs=0.01)
    assert screen.large_share == pytest.approx(1.0, abs=0.01)
