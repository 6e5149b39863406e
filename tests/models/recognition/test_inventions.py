"""What is held to be invented, and what is believed although it looks like it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.recognition.inventions import (
    Reading,
    chanted,
    compression_ratio,
    is_doubtful,
    judge,
    sound_seconds,
)
from models.results import Invention


def reading(
    text: str, *, sure: float = -0.2, no_speech: float = 0.02, sound_s: float = 6.0, cut_off: bool = False
) -> Reading:
    return Reading(text, sure, no_speech, sound_s, cut_off)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ask not what your country can do for you.",
        "甚至出现交易几乎停滞的情况",
        "换一首歌",
        "et c'est la dictée numéro 1.",
        "1, 2, 3",
        "Thank you.",
        "谢谢大家。",
        "No! No! No! No! No! No!",
        "滚滚滚滚滚滚滚滚",
        "Fuck you. " * 8,
        "شكرا",
    ],
)
def test_what_is_heard_well_is_believed(text: str) -> None:
    assert judge(reading(text)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¶¶", Invention.NOT_WORDS),
        ("... ... ...", Invention.NOT_WORDS),
        ("♪ ♪", Invention.NOT_WORDS),
        ("字幕由Amara.org社区提供", Invention.STOCK_PHRASE),
        ("Subtitles by the Amara.org community", Invention.STOCK_PHRASE),
        ("Sous-titres réalisés par la communauté", Invention.STOCK_PHRASE),
        ("ترجمة نانسي قنقر", Invention.STOCK_PHRASE),
    ],
)
def test_nobody_says_this(text: str, expected: Invention) -> None:
    assert judge(reading(text)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Thank you.",
        "Thanks for watching!",
        "谢谢观看",
        "谢谢大家。",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "شكرا للمشاهدة",
        "Merci d’avoir regardé cette vidéo.",
        "ご視聴ありがとうございました。",
        "Продолжение следует...",
    ],
)
@pytest.mark.parametrize(
    ("sure", "no_speech", "sound_s"), [(-0.6, 0.02, 6.0), (-0.2, 0.5, 6.0), (-0.2, 0.02, 0.4)]
)
def test_habits_need_evidence(text: str, sure: float, no_speech: float, sound_s: float) -> None:
    verdict = judge(reading(text, sure=sure, no_speech=no_speech, sound_s=sound_s))
    # A long phrase in a short sound is refused for that already.
    assert verdict is Invention.STOCK_PHRASE or (sound_s < 1 and verdict is Invention.NO_SPEECH)


def test_a_hummed_word_needs_evidence() -> None:
    assert judge(reading("Oh, oh, oh.", no_speech=0.4)) is Invention.NOT_WORDS
    assert judge(reading("嗯", sure=-0.6)) is Invention.NOT_WORDS
    assert judge(reading("Oh, shut up.", sure=-0.6)) is None


@pytest.mark.parametrize(
    "text", ["FAP FAP FAP FAP FAP", "Bop, bop.", "Woo woo", "La la la la", "Bam bam bam!"]
)
def test_a_text_of_sounds_is_a_sound(text: str) -> None:
    assert judge(reading(text)) is Invention.NOT_WORDS
    assert judge(reading(f"He will {text} in his room.")) is None


@pytest.mark.parametrize(
    "text",
    [
        "I'll kill you I'll kill you I'll kill you",
        "Inwrap. Inwrap. Inwrap. Inwrap.",
        "パッ、パッ、パッ、パッ",
    ],
)
def test_what_repeats_itself_needs_evidence(text: str) -> None:
    assert judge(reading(text)) is None
    for weak in (reading(text, sure=-0.58), reading(text, no_speech=0.55)):
        assert judge(weak) is Invention.REPETITION
        assert is_doubtful(weak), "another reading may agree"
        assert judge(dataclasses.replace(weak, text=f"So then {text}")) is None


def test_nobody_repeats_himself_as_often() -> None:
    assert judge(reading("她去" + "快乐" * 35, sound_s=10.0)) is Invention.REPETITION
    assert judge(reading("12快乐" * 12, sound_s=10.0)) is Invention.REPETITION
    assert judge(reading("你真是太好笑了我受不了" + "哈" * 16, sound_s=10.0)) is None
    assert judge(reading("滚" * 9, sound_s=10.0)) is None


def test_unsure_text_in_silence_is_no_speech() -> None:
    assert judge(reading("So we got the time.", sure=-1.27, no_speech=0.69)) is Invention.NO_SPEECH
    assert judge(reading("So we got the time.", sure=-0.3, no_speech=0.69)) is None


@pytest.mark.parametrize(
    ("text", "sure", "no_speech", "believed"),
    [
        ("He is the reciter of whatever thou didst take.", -0.75, 0.01, True),
        ("I'm going to put a little bit of oil in the pan.", -1.38, 0.56, False),
        ("Mereka yang lebih berpahun, lebih berpahun.", -1.26, 0.05, False),
        ("country", -0.9, 0.1, True),
        ("country", -1.0, 0.1, True),
        ("Pull it", -1.0, 0.1, False),
        ("I will come at nine tomorrow", -1.0, 0.4, False),
    ],
)
def test_low_confidence(text: str, sure: float, no_speech: float, believed: bool) -> None:
    expected = None if believed else Invention.LOW_CONFIDENCE
    assert judge(reading(text, sure=sure, no_speech=no_speech)) is expected


@pytest.mark.parametrize("text", ["Pull13r " * 40, "快乐" * 60, "スタッフの" * 30, "ha ha " * 40])
def test_loops(text: str) -> None:
    assert judge(reading(text, cut_off=True)) is Invention.REPETITION
    assert judge(reading(text, sure=-0.8)) is Invention.REPETITION
    assert judge(reading(text, no_speech=0.7)) is Invention.REPETITION
    assert is_doubtful(reading(text))


def test_more_words_than_there_is_sound_for() -> None:
    english = "I am going to start with the first one and then we will see what happens next."
    chinese = "今天我们来看一下这个东西到底是怎么做出来的"
    assert judge(reading(english, sound_s=0.5)) is Invention.NO_SPEECH
    assert judge(reading(english, sound_s=3.5)) is None
    assert judge(reading(chinese, sound_s=0.5)) is Invention.NO_SPEECH
    assert judge(reading(chinese, sound_s=3.0)) is None
    assert judge(reading("Yes.", sound_s=0.1)) is None


def test_doubt_asks_for_a_second_reading() -> None:
    assert not is_doubtful(reading("Ask not what your country can do for you."))
    assert is_doubtful(reading("Ask not what your country can do for you.", sure=-0.71))
    assert is_doubtful(reading("Ask not what your country can do for you.", cut_off=True))
    assert is_doubtful(reading("so we go " * 10))
    # Where nobody speaks a second reading would find nothing either.
    assert not is_doubtful(reading("I'm sorry.", sure=-1.8, no_speech=0.7))


def test_compression_ratio() -> None:
    assert compression_ratio("") == 0
    assert compression_ratio("Ask not what your country can do for you.") < 1.2
    assert compression_ratio("so " * 100) > 10


def test_sound_seconds() -> None:
    rng = np.random.default_rng(3)
    speechlike = rng.normal(0, 0.1, 32_000).astype(np.float32)
    faint = rng.normal(0, 0.0005, 160_000).astype(np.float32)
    faint[16_000:48_000] += speechlike
    assert sound_seconds(faint) == pytest.approx(2.0, abs=0.05)
    assert sound_seconds(np.zeros(160_000, np.float32)) == 0
    assert sound_seconds(np.zeros(10, np.float32)) == 0
    assert sound_seconds(speechlike) == pytest.approx(2.0, abs=0.02)


def loop(text: str, times: int = 12, log_probability: float = -0.15) -> Reading:
    return Reading(text * times, log_probability, 0.8, 9.0, cut_off=True)


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        ("You stupid idiot! ", "You stupid idiot, ", "You stupid idiot! You stupid idiot!"),
        ("Stupid idiot. You ", "You stupid idiot. ", "Stupid idiot. You Stupid idiot. You"),
        ("你是骗子", "你是骗子,", "你是骗子 你是骗子"),
        ("You stupid idiot! ", "You stupid area, ", ""),
        ("Pull13r ", "Pull1er ", ""),
        ("Oh, ", "Oh, ", ""),
    ],
    ids=["the same", "begun elsewhere", "Chinese", "something else", "noise", "an interjection"],
)
def test_a_chant_is_a_loop_that_two_readings_agree_on(first: str, other: str, said: str) -> None:
    assert chanted(loop(first), [loop(other)]) == said


def test_a_loop_alone_is_no_chant() -> None:
    plain = Reading("You stupid idiot!", -0.2, 0.1, 9.0)
    assert chanted(loop("You stupid idiot! "), []) == ""
    assert chanted(loop("You stupid idiot! "), [plain]) == ""
    assert chanted(plain, [plain]) == ""


def test_a_sure_loop_is_read_again_though_no_speech_is_heard() -> None:
    assert is_doubtful(loop("You stupid idiot! "))
    assert not is_doubtful(loop("You stupid idiot! ", log_probability=-1.5))
