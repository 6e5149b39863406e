"""Recognition as a stream sees it."""

from __future__ import annotations

from typing import Protocol

from models.interfaces import Utterance
from models.results import Transcript


class Transcriber(Protocol):
    """A recogniser shared by all streams: fair, with a deadline."""

    async def transcribe(self, stream: str, utterance: Utterance, *, deadline: float | None) -> Transcript:
        """Return the words of one window; `deadline` in seconds of the loop's clock, None: wait.

        Raises RecognitionError, and OverloadedError past the deadline.
        """
