"""Judges text that a recogniser may have invented: loops, credits, politeness, symbols."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.interfaces import SAMPLE_RATE_HZ, Samples
from models.results import Invention

LOOP_RATIO = 1.8
"""From this compression ratio on a fast reading is read again: of 60 windows of LibriSpeech test-other only
the ones that loop lie above it."""
DOUBT_LOG_PROBABILITY = -0.7
"""Below this mean log-probability a fast reading is read again (same measurement)."""
REPETITION_RATIO = 2.4
"""Compression ratio of a loop, from the reference implementation of Whisper."""
NO_SPEECH = 0.6
"""No-speech probability from which a text must be sure, from the reference implementation."""
NO_SPEECH_LOG_PROBABILITY = -0.8
LOW_LOG_PROBABILITY = -1.2
"""Below this nothing is believed: recordings of noise give -1.3 to -2.6, the worst speech that was read
right in our recordings -0.75."""
UNSURE_NO_SPEECH = 0.3
"""From this no-speech probability on, and for short texts, the bound is the stricter one."""
STRICT_LOG_PROBABILITY = -0.95
SHORT_LETTERS = 6
"""One or two words are what noise is turned into."""
WEAK_LOG_PROBABILITY = -0.45
WEAK_NO_SPEECH = 0.3
WEAK_SOUND_S = 0.6
"""A phrase of habit is only believed with better values than these and on more sound than this."""

REPEATED = 3
"""A text that is one thing so many times is what sounds and tunes that repeat are turned into: it needs the
evidence of a habit, or a second reading that agrees."""
TOO_OFTEN = 10
"""Nobody says one thing so often in a window; a decoder that lost count does, however sure it is."""
LOOP_SHARE = 0.8

CHANT_LETTERS = 6
"""A chant has at least two short words, or two Han signs, each of which counts three times."""

LETTERS_PER_S = 30.0
"""Nobody speaks more letters a second; fast English has 20 to 25."""
CJK_PER_S = 11.0
"""Nor more Han, kana or hangul signs; fast Mandarin has 7 to 8 syllables a second."""
RATE_GRACE_S = 0.5
"""Added to the seconds of sound before a rate is judged: quiet consonants are not counted as sound."""

FRAME_SAMPLES = 320
SOUND_BELOW_PEAK_DB = 35.0
SOUND_FLOOR_DB = -60.0

_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_HUMMED = (
    "oh ah uh um hm hmm mm mmm mhm eh huh ha ooh aah wow ugh shh "
    "嗯 啊 哦 噢 呃 唔 欸 诶 哎 うん あ え ん 아 음 어 euh heu äh hm ähm ай ой ах ох эм اه آه"
)
_INTERJECTIONS = frozenset(_HUMMED.split())
_SOUNDED = (
    "fap bop bap bip beep boop boom bam bong ding dong dum pew pow woo whoo whoosh whee woof meow moo baa "
    "quack haha hehe hoho la doo dee"
)
_NOISES = _INTERJECTIONS | frozenset(_SOUNDED.split())
"""What Whisper writes for wings, bells, engines, animals, laughter and tunes: a heron that flies is "FAP
FAP FAP FAP FAP", a term of the word lists. A whole text of them is a sound; among words they count."""

_CREDITS = re.compile(
    r"amara\.?\s?org|subtitles? (made |created )?by|transcri(bed|ption) by|captions? by|"
    r"字幕(由|志愿者|志願者|製作|制作|提供)|sous[- ]?titr(es|age)\b.*(par|de|fr)|"
    r"untertitel(ung)? (von|der|im auftrag)|"
    r"subt[ií]tulos (por|de|realizados)|legendas? (por|pela)|sottotitoli (a cura|e revisione|creati)|"
    r"(субтитры|редактор субтитров|корректор) \w+|ترجمة (نانسي|شركة)|المترجم(ة)? للقناة|altyaz[ıi] m\.?\s?k",
    re.IGNORECASE,
)
"""Nobody says these aloud in a live room: they are the last lines of the subtitles Whisper learned from."""

_HABITS = frozenset(
    {
        # English
        *("thank you", "thanks", "thank you very much", "thank you so much", "thanks for watching"),
        *("thank you for watching", "bye", "bye bye", "you", "okay", "see you next time", "i'm sorry"),
        *("please subscribe", "see you in the next video", "subscribe to my channel", "the end", "so"),
        *("like and subscribe", "thank you for listening", "i'll see you in the next one", "i", "i'm"),
        # Chinese, simplified
        *(
            "谢谢",
            "谢谢大家",
            "谢谢观看",
            "谢谢收看",
            "感谢观看",
            "感谢收看",
            "感谢大家收看",
            "再见",
            "下期再见",
        ),
        *("请订阅", "请订阅我的频道", "我们下期再见", "下次再见", "拜拜", "优优独播剧场", "未完待续"),
        *("请不吝点赞订阅转发打赏支持明镜与点点栏目", "谢谢大家收看", "多谢您的观看", "本集完"),
        # Arabic
        *(
            "شكرا",
            "شكرا لكم",
            "شكرا على المشاهدة",
            "شكرا للمشاهدة",
            "اشتركوا في القناة",
            "السلام عليكم",
            "لا",
        ),
        # French, Spanish, Portuguese, German, Italian
        *("merci", "merci à tous", "merci d'avoir regardé", "merci d'avoir regardé cette vidéo", "au revoir"),
        *("abonnez-vous", "à bientôt", "gracias", "gracias por ver el video", "suscríbete", "hasta luego"),
        *("suscríbete al canal", "obrigado", "obrigada", "tchau", "inscreva-se no canal", "danke"),
        *("vielen dank", "vielen dank fürs zuschauen", "tschüss", "bis zum nächsten mal", "grazie", "ciao"),
        *("grazie a tutti", "grazie per la visione", "iscriviti al canale"),
        # Russian, Turkish, Vietnamese, Indonesian and Malay, Hindi, Thai, Japanese, Korean
        *("спасибо", "спасибо за просмотр", "продолжение следует", "пока", "до встречи", "подписывайтесь"),
        *("teşekkürler", "teşekkür ederim", "izlediğiniz için teşekkürler", "abone olmayı unutmayın"),
        *("cảm ơn", "cảm ơn các bạn", "cảm ơn các bạn đã theo dõi", "hẹn gặp lại", "terima kasih"),
        *("terima kasih telah menonton", "sampai jumpa", "धन्यवाद", "शुक्रिया", "ขอบคุณครับ", "ขอบคุณค่ะ"),
        *("ご視聴ありがとうございました", "ありがとうございました", "おやすみなさい", "ではまた"),
        *("감사합니다", "시청해주셔서 감사합니다", "구독과 좋아요", "다음 영상에서 만나요"),
    }
)
"""What Whisper says when it hears nothing. People say it too, so that it is dropped on weak evidence only."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text and what speaks for it.

    `sound_s` is how long anything is to be heard in the clip; `cut_off` is True when the decoder was still
    writing at its limit. Chinese is in simplified script.
    """

    text: str
    average_log_probability: float
    no_speech_probability: float
    sound_s: float
    cut_off: bool = False


def sound_seconds(samples: Samples) -> float:
    """Return how many seconds of the clip are above -60 dBFS and within 35 dB of its loudest 20 ms."""
    count = len(samples) // FRAME_SAMPLES
    if count == 0:
        return 0.0
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    level_db = 10.0 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    floor_db = max(SOUND_FLOOR_DB, float(level_db.max()) - SOUND_BELOW_PEAK_DB)
    return float(np.count_nonzero(level_db > floor_db)) * FRAME_SAMPLES / SAMPLE_RATE_HZ


def compression_ratio(text: str) -> float:
    """Return how many times zlib shortens the text; a loop shortens well."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def is_doubtful(reading: Reading) -> bool:
    """Whether a fast reading is worth a slow one: it loops or is unsure, and there may be speech in it.

    A sure loop is worth one even where the decoder hears no speech: it says so of people who chant.
    """
    if _hears_nothing(reading) and reading.average_log_probability < DOUBT_LOG_PROBABILITY:
        return False
    return (
        reading.cut_off
        or reading.average_log_probability < DOUBT_LOG_PROBABILITY
        or compression_ratio(reading.text) > LOOP_RATIO
        or _weakly_repeats(reading)
    )


def judge(reading: Reading) -> Invention | None:
    """Return why the text is held to be invented, None when it is believed. An empty text is believed."""
    if not reading.text:
        return None
    letters = _letters(reading.text)
    if _is_loop(reading):
        return Invention.REPETITION
    if not letters or _only_noises(reading):
        return Invention.NOT_WORDS
    if _weakly_repeats(reading):
        return Invention.REPETITION
    if _hears_nothing(reading) or _too_fast(reading):
        return Invention.NO_SPEECH
    if _CREDITS.search(reading.text) or (_plain(reading.text) in _HABITS and _is_weak(reading)):
        return Invention.STOCK_PHRASE
    strict = len(letters) <= SHORT_LETTERS or reading.no_speech_probability > UNSURE_NO_SPEECH
    bound = STRICT_LOG_PROBABILITY if strict else LOW_LOG_PROBABILITY
    if reading.average_log_probability < bound:
        return Invention.LOW_CONFIDENCE
    return None


def _hears_nothing(reading: Reading) -> bool:
    """The decoder doubts that anybody speaks, and its text is unsure or a loop."""
    return reading.no_speech_probability > NO_SPEECH and (
        reading.average_log_probability < NO_SPEECH_LOG_PROBABILITY
        or compression_ratio(reading.text) > REPETITION_RATIO
    )


def _is_loop(reading: Reading) -> bool:
    """A loop, but not a person who repeats himself: that has an end, fits its time, and is heard well."""
    if _repeats_too_often(reading.text):
        return True
    if compression_ratio(reading.text) <= REPETITION_RATIO and not _repeats(reading.text):
        return False
    return (
        reading.cut_off
        or _too_fast(reading)
        or reading.average_log_probability < DOUBT_LOG_PROBABILITY
        or reading.no_speech_probability > NO_SPEECH
    )


def _repeats(text: str, times: int = 6) -> bool:
    """Whether a piece of 2 to 40 characters stands `times` times in a row."""
    return re.search(rf"(.{{2,40}}?)\1{{{times - 1},}}", text, re.DOTALL) is not None


def _repeats_too_often(text: str) -> bool:
    """Whether most of the text is one piece of up to 40 letters, TOO_OFTEN times or more in a row."""
    letters = _letters(text).lower()
    loop = re.search(rf"(.{{1,40}}?)\1{{{TOO_OFTEN - 1},}}", letters)
    return loop is not None and len(loop.group()) >= LOOP_SHARE * len(letters)


def _weakly_repeats(reading: Reading) -> bool:
    """Whether the text is one piece, REPEATED times or more, and there is little evidence for it."""
    letters = _letters(reading.text).lower()
    longest = len(letters) // REPEATED
    return _is_weak(reading) and any(letters[unit:] == letters[:-unit] for unit in range(1, longest + 1))


def chanted(reading: Reading, others: Sequence[Reading]) -> str:
    """Return what somebody says over and over, twice; empty when nothing speaks for it.

    A decoder that loops of itself loops on something else when it hears the window from another encoding, as
    the `others` are. One that loops on the same words heard them: a chant makes it lose count.
    """
    unit = _loop_unit(reading.text)
    letters = _letters(unit).lower()
    for other in others:
        again = _letters(_loop_unit(other.text)).lower()
        # A loop may begin anywhere in its words.
        if unit and len(again) == len(letters) and again in letters * 2:
            return f"{unit} {unit}"
    return ""


def _loop_unit(text: str) -> str:
    """The shortest piece that stands in a row, if it is more than an interjection."""
    loop = re.search(r"(.{2,60}?)\1{3,}", text, re.DOTALL | re.IGNORECASE)
    unit = loop.group(1).strip() if loop else ""
    letters = _letters(unit)
    return unit if len(letters) + 2 * len(_CJK.findall(letters)) >= CHANT_LETTERS else ""


def _is_weak(reading: Reading) -> bool:
    return (
        reading.average_log_probability < WEAK_LOG_PROBABILITY
        or reading.no_speech_probability > WEAK_NO_SPEECH
        or reading.sound_s < WEAK_SOUND_S
    )


def _only_noises(reading: Reading) -> bool:
    """Whether all words are noises; one that somebody may hum or shout is believed if it is heard well."""
    words = re.findall(r"\w+", reading.text.lower())
    if not _NOISES.issuperset(words):
        return False
    return _is_weak(reading) or (len(words) > 1 and not _INTERJECTIONS.issuperset(words))


def _too_fast(reading: Reading) -> bool:
    letters = _letters(reading.text)
    cjk = len(_CJK.findall(letters))
    return cjk / CJK_PER_S + (len(letters) - cjk) / LETTERS_PER_S > reading.sound_s + RATE_GRACE_S


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _plain(text: str) -> str:
    """Lower case, without punctuation, so that a phrase is met however it was written."""
    kept = re.sub(r"[^\w\s'’-]", "", text.lower()).replace("’", "'")
    return re.sub(r"(?<=[^\x00-\x7f])\s+(?=[\u4e00-\u9fff])", "", " ".join(kept.split()))
