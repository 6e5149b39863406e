"""Whisper on spoken sentences: words, languages, batches, second tries, and nothing out of noise."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import RecognitionError, WeightsError
from models.interfaces import Samples, Utterance
from models.recognition.batcher import Batcher
from models.recognition.whisper import WhisperRecogniser, download_from_hub
from pipeline.audio import Pcm
from tests.support.speech import fit, join, noise, silence, speech_pcm, tone

KITCHEN = "Good evening everybody, and welcome back to the kitchen."
TRAIN = "The train to the airport leaves from platform number nine at seven o'clock."
WEATHER = "Tomorrow the weather will be cold and windy in the mountains."


LIBRARY = "My sister bought some oranges, and her brother forgot the umbrella in the library."
OFFICE = "Please call the office before noon, because the meeting was moved to another building."


def samples_of(pcm: Pcm) -> Samples:
    return pcm.astype(np.float32) / np.float32(32768)


def said(pcm: Pcm | str, language: str | None = None) -> Utterance:
    spoken = speech_pcm(pcm) if isinstance(pcm, str) else pcm
    return Utterance(samples_of(fit(spoken, 10)), language)


def words(text: str) -> list[str]:
    numbers = {"9": "nine", "7": "seven"}
    return [numbers.get(word, word) for word in re.findall(r"[a-z0-9']+", text.lower())]


def shared_words(heard: str, spoken: str) -> float:
    """How many of the spoken words were heard, 0..1."""
    expected = words(spoken)
    return sum(word in words(heard) for word in expected) / len(expected)


def test_a_batch_is_read_in_order(tiny: WhisperRecogniser) -> None:
    attempts = tiny.read([said(KITCHEN), said(TRAIN), said(WEATHER)])
    for attempt, spoken in zip(attempts, (KITCHEN, TRAIN, WEATHER), strict=True):
        assert shared_words(attempt.transcript.text, spoken) > 0.8, attempt.transcript.text
        assert not attempt.doubtful
        assert attempt.transcript.language == "en"
        assert attempt.transcript.average_log_probability > -0.7


def test_what_is_written_in_pieces_stands_there_once(tiny: WhisperRecogniser) -> None:
    spoken = f"{KITCHEN} {TRAIN} {WEATHER} {LIBRARY} {OFFICE}"
    long = Utterance(samples_of(speech_pcm(spoken)), "en")
    for text in (tiny.read([long])[0].transcript.text, tiny.read_again(long).text):
        assert shared_words(text, spoken) > 0.9, text
        assert len(words(text)) == pytest.approx(len(words(spoken)), abs=2)
        assert words(text)[-1] == "building"


def test_a_batch_reads_as_single_windows_do(base: WhisperRecogniser) -> None:
    batch = [said(KITCHEN), said(TRAIN), said(WEATHER, "en")]
    together = [attempt.transcript.text for attempt in base.read(batch)]
    alone = [base.read([utterance])[0].transcript.text for utterance in batch]
    assert together == alone


def test_the_language_is_detected_or_given(base: WhisperRecogniser) -> None:
    detected, given, unknown = (
        attempt.transcript for attempt in base.read([said(TRAIN), said(TRAIN, "en"), said(TRAIN, "xx")])
    )
    assert (detected.language, given.language, unknown.language) == ("en", "en", "en")
    assert 0.8 < detected.language_probability < 1
    assert given.language_probability == 1
    assert unknown.language_probability == detected.language_probability
    assert detected.text == given.text


def test_a_language_is_heard_whatever_is_given(base: WhisperRecogniser) -> None:
    asked = dataclasses.replace(said(TRAIN, "en"), identify=True)
    # Of these sentences the one that reads well as German on every processor: the others are dropped on some.
    foreign = dataclasses.replace(said(OFFICE, "de"), identify=True)
    first, other, unasked = (each.transcript for each in base.read([asked, foreign, said(TRAIN, "en")]))
    assert (first.language, first.language_probability, first.spoken) == ("en", 1, "en")
    assert 0.8 < first.spoken_probability < 1
    assert (other.language, other.spoken) == ("de", "en"), "read as it was given, heard as it is"
    assert (unasked.text, unasked.spoken, unasked.spoken_probability) == (first.text, "", 0.0)
    again = base.read_again(asked)
    assert (again.language, again.spoken) == ("en", "en")


def test_a_model_of_one_language_tells_none(tiny: WhisperRecogniser) -> None:
    [attempt] = tiny.read([dataclasses.replace(said(TRAIN), identify=True)])
    assert (attempt.transcript.language, attempt.transcript.spoken) == ("en", "")


def test_chinese_goes_through_the_converter(base_weights: Path) -> None:
    converted: list[str] = []

    def simplify(text: str) -> str:
        converted.append(text)
        return text

    recogniser = WhisperRecogniser(base_weights, simplify=simplify, device="cpu", threads=1)
    try:
        # English read as if it were Mandarin: what matters is which texts are converted.
        english = recogniser.read([said(TRAIN, "zh"), said(TRAIN, "en")])[1].transcript
    finally:
        recogniser.close()
    [chinese] = converted
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert shared_words(english.text, TRAIN) > 0.8


def test_a_wrong_language_is_noticed_in_the_second_try(base: WhisperRecogniser) -> None:
    utterance = said(TRAIN, "zh")
    assert base.read([utterance])[0].doubtful
    transcript = base.read_again(utterance)
    assert transcript.language == "en"
    assert shared_words(transcript.text, TRAIN) > 0.8


def test_languages(tiny: WhisperRecogniser, base: WhisperRecogniser) -> None:
    assert tiny.languages == {"en"}
    asked_for = "zh en ar hi es fr ru pt id de ja tr vi it th tl ko ms"
    assert base.languages >= frozenset(asked_for.split())
    assert "xx" not in base.languages


def test_long_windows_and_short_ones_share_a_batch(tiny: WhisperRecogniser) -> None:
    long = Utterance(samples_of(fit(join(12.0, TRAIN), 18)), "en")
    short = Utterance(samples_of(speech_pcm(WEATHER)), "en")
    first, second = (attempt.transcript.text for attempt in tiny.read([long, short]))
    assert shared_words(first, TRAIN) > 0.8, first
    assert shared_words(second, WEATHER) > 0.8, second


def test_too_long_a_window_is_refused(tiny: WhisperRecogniser) -> None:
    with pytest.raises(RecognitionError, match=r"longer than the model's 30 s"):
        tiny.read([Utterance(np.zeros(31 * 16_000, np.float32), "en")])


@pytest.mark.parametrize(
    "pcm",
    [silence(10), noise(10, 0.02), noise(10, 0.3, seed=7), tone(10), tone(10, 100, 0.05), silence(0.01)],
    ids=["silence", "hiss", "roar", "tone", "hum", "nothing"],
)
def test_nothing_is_invented(base: WhisperRecogniser, pcm: Pcm) -> None:
    utterance = Utterance(samples_of(pcm), None, identify=True)
    attempt = base.read([utterance])[0]
    transcript = base.read_again(utterance) if attempt.doubtful else attempt.transcript
    assert transcript.text == "", transcript
    assert (transcript.language, transcript.spoken, transcript.spoken_probability) == ("", "", 0.0)


def test_a_second_try_reads_with_full_context(base: WhisperRecogniser) -> None:
    transcript = base.read_again(said(TRAIN))
    assert transcript.second_try
    assert shared_words(transcript.text, TRAIN) > 0.8
    assert transcript.language == "en"


def test_what_stays_unsure_is_dropped(base: WhisperRecogniser) -> None:
    murky = said(np.clip(fit(speech_pcm(TRAIN), 10) * 0.05 + noise(10, 0.03), -32768, 32767).astype(np.int16))
    transcript = base.read_again(murky)
    assert transcript.second_try
    assert transcript.text == ""
    assert transcript.invention is not None


async def test_streams_are_read_through_the_batcher(base: WhisperRecogniser) -> None:
    batcher = Batcher(base)
    try:
        spoken = {"a": KITCHEN, "b": TRAIN, "c": WEATHER}
        answers = await asyncio.gather(
            *(batcher.transcribe(stream, said(text), deadline=None) for stream, text in spoken.items())
        )
        for answer, text in zip(answers, spoken.values(), strict=True):
            assert shared_words(answer.text, text) > 0.8
        assert (batcher.cost_s or 0) > 0
    finally:
        assert await batcher.close(60)


def test_weights_that_cannot_be_loaded_are_named(tiny_weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_weights, folder)
    with (folder / "model.bin").open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(WeightsError, match=re.escape(str(folder))):
        WhisperRecogniser(folder, simplify=str, device="cpu", threads=1)


def test_an_unknown_model_is_not_looked_up(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"bass is not a known model: name one of .*large-v3-turbo"):
        download_from_hub("bass", tmp_path)
