"""Which language is spoken, from what the recogniser heard in speech; never guessed without words."""

from __future__ import annotations

from config.taxonomy import Label, RiskType
from models.results import SoundFinding, Transcript

DETECTOR = "language"
MIN_PROBABILITY = 0.5
"""Below, the language is a guess among several, and none is named."""
NAMES = {
    "zh": "mandarin", "en": "english", "yue": "cantonese", "bo": "tibetan", "ug": "uyghur",
    "mn": "mongolian", "ko": "korean",
}  # fmt: skip
"""Labels by ISO 639 code; any other language is `other`."""


def spoken_language(transcript: Transcript) -> list[SoundFinding]:
    """Return the language of a window's words, at most one; nothing when there are none."""
    if not transcript.text or transcript.language_probability < MIN_PROBABILITY:
        return []
    label = Label(RiskType.LANGUAGE, "spoken", NAMES.get(transcript.language, "other"))
    return [SoundFinding(label, transcript.language_probability, DETECTOR)]
