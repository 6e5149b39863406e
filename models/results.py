"""What models answer: plain, frozen, picklable values with units in their names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from config.taxonomy import Label


class Invention(StrEnum):
    """Why a recognised text was judged to be invented by the recogniser and dropped."""

    NO_SPEECH = "no_speech"
    REPETITION = "repetition"
    LOW_CONFIDENCE = "low_confidence"
    STOCK_PHRASE = "stock_phrase"
    NOT_WORDS = "not_words"


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one window.

    `language` is an ISO 639-1 code, empty when nothing was recognised. Chinese text is in simplified script.
    `spoken` is the language that was heard and `spoken_probability` how probable it is: empty and 0 when
    nothing was recognised, when nobody listened for it, and when the model knows one language only.
    `average_log_probability` is the mean natural-log probability of the tokens.
    `invention` is set when text was dropped; `text` is then empty.
    `doubtful` says that it deserved a second try and got none.
    """

    text: str
    language: str
    language_probability: float
    average_log_probability: float
    no_speech_probability: float
    second_try: bool = False
    invention: Invention | None = None
    spoken: str = ""
    spoken_probability: float = 0.0
    doubtful: bool = False


EMPTY_TRANSCRIPT = Transcript("", "", 0.0, 0.0, 1.0)
"""The transcript of a window in which nobody speaks."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of code points `[start, end)` in the text that was given to a classifier."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextFinding:
    """One label found in a text: its probability (0..1) and every place that shows it."""

    label: Label
    probability: float
    spans: tuple[Span, ...]
    detector: str
    """Which classifier says so: `lexicon`, `contacts`, `insults` …"""


@dataclass(frozen=True, slots=True)
class SoundFinding:
    """One label found in the sound of a window and its probability (0..1)."""

    label: Label
    probability: float
    detector: str
    """Which detector says so: `moan`, `songs`, `gender` …"""
    name: str = ""
    """Whom or what it was recognised as: the name of an enrolled voice or song."""


@dataclass(frozen=True, slots=True)
class ListMatch:
    """A word of a customer's own list and every place in the text where it stands."""

    list_name: str
    word: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class AudioSpans:
    """Where somebody speaks, sings, or music plays: `(start_s, end_s)` pairs within the clip."""

    speech: tuple[tuple[float, float], ...]
    singing: tuple[tuple[float, float], ...]
    music: tuple[tuple[float, float], ...]
