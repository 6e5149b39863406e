"""Which language is spoken, from what the recogniser heard in speech; never guessed without words."""

from __future__ import annotations

from config.taxonomy import Label, RiskType
from models.hearing import without
from models.results import AudioSpans, SoundFinding, Transcript
from pipeline.speech import covered_s

DETECTOR = "language"
MIN_PROBABILITY = 0.5
"""Below, the language is a guess among several, and none is named."""
MIN_SPEECH_S = 1.0
"""Of clips of words that are shorter than this, 40 of the 83 that were told were told wrong; of clips of two
seconds and more 3 of 32."""
NAMES = {
    "zh": "mandarin", "en": "english", "yue": "cantonese", "bo": "tibetan", "ug": "uyghur",
    "mn": "mongolian", "ko": "korean",
}  # fmt: skip
"""Labels by ISO 639 code; any other language is `other`. Only the largest Whisper models know Cantonese, and
none of them knows Uyghur."""


def spoken_language(transcript: Transcript, spans: AudioSpans | None) -> list[SoundFinding]:
    """Return the language of what is said in a window, at most one.

    The recogniser's own detection counts, never the language that a request names. None is named without
    words, nor where `spans` hold less than MIN_SPEECH_S of speech that is not song. `spans` None: nobody
    doubts that somebody speaks.
    """
    if not transcript.text or transcript.spoken_probability < MIN_PROBABILITY:
        return []
    if spans is not None and covered_s(without(spans.speech, spans.singing)) < MIN_SPEECH_S:
        return []
    label = Label(RiskType.LANGUAGE, "spoken", NAMES.get(transcript.spoken, "other"))
    return [SoundFinding(label, transcript.spoken_probability, DETECTOR)]
