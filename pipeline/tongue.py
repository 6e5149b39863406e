"""The language that a stream speaks, once it is known: it need not be detected again in every window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.results import Transcript
from pipeline.speech import is_plain_speech

SURE = 0.9
"""From this probability on a detected language counts; clips of one speaker have 0.96 and more."""
ENOUGH = 3
"""In so many windows in a row it must have been the same."""
DETECT_EVERY = 6
"""At the latest after so many windows, a minute of talk, it is detected again: guests come, and hosts change
over. Until then words are read in the language before, and again in their own where that makes no sense."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """What is known after a window; a new stream's knows nothing."""

    language: str = ""
    """ISO 639-1 code."""
    windows: int = 0
    """In a row in which it was detected surely."""
    believed: int = 0
    """Since it was detected last."""

    @property
    def expected(self) -> str | None:
        """The language to read the next window in; None: to be detected."""
        return self.language if self.windows >= ENOUGH and self.believed < DETECT_EVERY else None

    def after(self, transcript: Transcript, read_in: str | None) -> Tongue:
        """Return what is known after a window that was read in the expected language; None: it was detected.

        Nothing is known any more where a detection was not sure, or reading in the expected one did not go
        well.
        """
        if read_in is not None:
            well = transcript.language == self.language and is_plain_speech(transcript)
            return replace(self, believed=self.believed + 1) if well else UNKNOWN
        if not transcript.text:
            return self
        if transcript.language_probability < SURE:
            return UNKNOWN
        windows = self.windows + 1 if transcript.language == self.language else 1
        return Tongue(transcript.language, windows)


UNKNOWN = Tongue()
"""Nothing is known."""
