"""The picture that a recording shows at a second. Blocking, for worker threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.encode import encode_jpeg
from pipeline.offline.packets import SAME_S, Span
from pipeline.recording.media import Media, open_stretch
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch
from pipeline.recording.tap import never

STANDS_S = 1.0
"""The first picture is also shown so long before its time, the last one so long after it, if not longer."""


def thumbnail(stretches: Iterable[Stretch], at_s: float, cancelled: Callable[[], bool] = never) -> bytes:
    """Return the picture that is shown at a second of the recording's timeline, in its own size, as JPEG.

    `stretches` by time; they are opened one after the other and closed. Raises RecordingError: INVALID
    without any video, OUTSIDE when nothing is shown then; EncodeError when the picture cannot be encoded.
    """
    if not (math.isfinite(at_s) and at_s >= 0):
        raise RecordingError(RecordingFault.OUTSIDE, "a picture's time is 0 or later")
    seen = _Seen(at_s)
    for stretch in stretches:
        with open_stretch(stretch, cancelled) as media:
            if seen.look_at(media):
                break
    if not seen.any_video:
        raise RecordingError(RecordingFault.INVALID, "the recording has no video")
    if seen.shown is None or at_s > seen.until_s:
        raise RecordingError(RecordingFault.OUTSIDE, "the recording shows nothing at this second")
    return encode_jpeg(seen.shown)


@dataclass(slots=True)
class _Seen:
    """The picture that is to be shown, as far as is known."""

    at_s: float
    any_video: bool = False
    shown: Any = None
    until_s: float = -math.inf
    """Until when it is shown, at least."""

    def look_at(self, media: Media) -> bool:
        """Look for the picture in a stretch; say whether it was found for certain."""
        if media.video is None:
            return False
        self.any_video = True
        span = Span(media, (media.video,), self.at_s, math.inf)
        packets = (packet for each in span.packets() for packet in each)
        for frame in media.decoded(media.video, packets):
            if frame.time is None:
                continue
            time_s = frame.time - media.zero_s
            if time_s > self.at_s + SAME_S:
                if self.shown is None and time_s <= self.at_s + STANDS_S:
                    self.shown = frame
                self.until_s = time_s
                return True
            self.shown = frame
            self.until_s = max(time_s + STANDS_S, media.ends_s)
        return False
