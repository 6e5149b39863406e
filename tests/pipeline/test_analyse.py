"""The analyser: when the second opinion is asked, before recognition and after."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from config.settings import SpeechSettings
from config.taxonomy import RiskType, load_taxonomy
from models.hearing import Hearing, Senses
from models.interfaces import Samples, Utterance
from models.results import AudioSpans, SoundFinding, Transcript
from pipeline.analyse import Analyser, Analysis, Previous
from pipeline.listen import Listener
from pipeline.report import StreamSpec
from pipeline.speech import SpeechGate
from pipeline.tongue import DETECT_EVERY, ENOUGH
from pipeline.words import WordSearch
from tests.support.hearing import MadeUp
from tests.support.streams import FakeTranscriber, spec, spoken_window

SPEECH = AudioSpans(((0.0, 9.0),), (), ())
MUSIC = AudioSpans((), (), ((0.0, 10.0),))
SONG = AudioSpans(((1.0, 8.0),), ((0.0, 9.0),), ((0.0, 10.0),))
TALK = "good evening everybody and welcome"


class Opinions:
    """A second opinion that answers from a list, and counts."""

    def __init__(self, *spans: AudioSpans) -> None:
        self._spans = list(spans)

    def detect(self, _: Samples) -> AudioSpans:
        return self._spans.pop(0)

    @property
    def left(self) -> int:
        return len(self._spans)


@pytest.fixture(name="threads")
def _threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def analyse(
    opinions: Opinions,
    texts: list[str],
    threads: ThreadPoolExecutor,
    indices: list[int] | None = None,
    stream: StreamSpec | None = None,
    listener: Listener | None = None,
) -> list[Analysis]:
    """Analyse windows of one stream, one after the other."""
    gate = SpeechGate(SpeechSettings(), opinions)
    transcriber = FakeTranscriber(*texts)
    words = WordSearch([], [], lambda _: None)
    analyser = Analyser(transcriber, gate, words, listener, load_taxonomy(), threads)
    previous = None
    done = []
    for index in indices or range(len(texts)):
        window = spoken_window(index)
        done.append(await analyser.analyse(stream or spec(), window, previous, deadline=None))
        previous = Previous(index, done[-1].transcript)
    return done


async def test_talk_that_goes_on_is_asked_about_once(threads: ThreadPoolExecutor) -> None:
    opinions = Opinions(SPEECH)
    done = await analyse(opinions, [TALK, TALK, TALK], threads)
    assert [each.text for each in done] == [TALK] * 3
    assert all(each.recognised and not each.silent for each in done)


async def test_few_words_after_talk_are_asked_about(threads: ThreadPoolExecutor) -> None:
    opinions = Opinions(SPEECH, MUSIC, SPEECH)
    talk, music, talk_again = await analyse(opinions, [TALK, "oh", TALK], threads)
    assert (talk.text, music.text, music.silent) == (TALK, "", False)
    assert music.recognised, "it was spent, though nothing came of it"
    assert (talk_again.text, opinions.left) == (TALK, 0)


async def test_few_words_that_somebody_did_say_are_kept(threads: ThreadPoolExecutor) -> None:
    opinions = Opinions(SPEECH, SPEECH)
    _, short = await analyse(opinions, [TALK, "oh no"], threads)
    assert (short.text, opinions.left) == ("oh no", 0)


class Spans:
    """A detector of sound that looks where somebody sings."""

    risks = frozenset({RiskType.SING})

    def __init__(self) -> None:
        self.seen: list[AudioSpans] = []

    def detect(self, hearing: Hearing) -> list[SoundFinding]:
        self.seen.append(hearing.spans)
        return []


async def test_the_gate_and_the_detectors_of_sound_ask_together(threads: ThreadPoolExecutor) -> None:
    """Of talk that is sure the detectors alone ask, of few words after talk both need the answer."""
    opinions, detector = Opinions(SPEECH, SONG, MUSIC), Spans()
    models = MadeUp(np.zeros((10, 521), np.float32), AudioSpans((), (), ()))
    listener = Listener(Senses(models, models, models, models), [detector])
    stream = spec(risks=frozenset({RiskType.SING, RiskType.ABUSE}))
    texts = [TALK, TALK, "oh"]
    *_, few = await analyse(opinions, texts, threads, stream=stream, listener=listener)
    assert detector.seen == [SPEECH, SONG, MUSIC]
    assert (few.text, opinions.left) == ("", 0)


async def test_a_gap_is_no_talk_before(threads: ThreadPoolExecutor) -> None:
    opinions = Opinions(SPEECH, SPEECH)
    await analyse(opinions, [TALK, TALK], threads, indices=[0, 2])
    assert opinions.left == 0


async def test_music_is_not_recognised(threads: ThreadPoolExecutor) -> None:
    [music] = await analyse(Opinions(MUSIC), [TALK], threads)
    assert (music.text, music.recognised) == ("", False)


async def test_the_language_is_listened_for_when_it_is_asked_for(threads: ThreadPoolExecutor) -> None:
    asked = spec(risks=frozenset({RiskType.LANGUAGE}), language="zh")
    [heard] = await analyse(Opinions(SPEECH), [TALK], threads, stream=asked)
    assert [(each.label.label3, each.probability) for each in heard.attributes] == [("english", 0.98)]
    [unasked] = await analyse(Opinions(SPEECH), [TALK], threads)
    assert (unasked.attributes, unasked.transcript.spoken) == ((), "")


async def test_no_language_is_named_in_song(threads: ThreadPoolExecutor) -> None:
    asked = spec(risks=frozenset({RiskType.LANGUAGE}))
    [sung] = await analyse(Opinions(SONG), [TALK], threads, stream=asked)
    assert (sung.text, sung.attributes) == (TALK, ())


class Asked:
    """A transcriber that hears English everywhere, and remembers in which language it was to read."""

    def __init__(self) -> None:
        self.languages: list[str | None] = []

    async def transcribe(self, _: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        self.languages.append(utterance.language)
        return Transcript(TALK, "en", 1.0 if utterance.language else 0.97, -0.2, 0.01)


async def languages_asked(
    stream: StreamSpec, indices: list[int], threads: ThreadPoolExecutor
) -> list[str | None]:
    asked = Asked()
    gate = SpeechGate(SpeechSettings(), None)
    words = WordSearch([], [], lambda _: None)
    analyser = Analyser(asked, gate, words, None, load_taxonomy(), threads)
    previous = None
    for index in indices:
        window = spoken_window(index)
        analysis = await analyser.analyse(stream, window, previous, deadline=None)
        previous = analyser.previous(stream, window, analysis)
    return asked.languages


async def test_a_language_that_is_known_is_not_detected_again(threads: ThreadPoolExecutor) -> None:
    detected = spec(language=None)
    asked = await languages_asked(detected, list(range(11)), threads)
    assert asked == [None] * ENOUGH + ["en"] * DETECT_EVERY + [None, "en"]
    assert await languages_asked(detected, [0, 1, 2, 5, 6], threads) == [None] * 5, "there was a gap"
    fourth = spec(language=None, moderate_every=4)
    assert await languages_asked(fourth, [0, 4, 8, 12], threads) == [None] * 3 + ["en"]
    asks = spec(language=None, risks=frozenset({RiskType.LANGUAGE, RiskType.ABUSE}))
    assert await languages_asked(asks, list(range(5)), threads) == [None] * 5, "somebody asks which it is"
    assert await languages_asked(spec(language="zh"), [0, 1], threads) == ["zh", "zh"]
