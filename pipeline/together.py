"""Puts picture and sound that are in files of their own into one. Blocking, for worker threads."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.decode import Media, Stream, open_stretch
from pipeline.encode import PacketFile
from pipeline.offline import Progress, unwatched
from pipeline.packets import AT_ONCE, Track
from pipeline.recording.recording import Container, RecordingError, RecordingFault, Stretch
from pipeline.recording.tap import never
from pipeline.remux import MediaForm, Remuxed, remux

PICTURE, SOUND, BOTH = 0.4, 0.6, 0.8
"""The shares of progress at which each of the steps ends."""


def remux_apart(
    pictures: Iterable[Stretch],
    sounds: Callable[[float, float], Iterable[Stretch]],
    start_s: float,
    duration_s: float,
    target: Path,
    form: MediaForm,
    progress: Progress = unwatched,
    cancelled: Callable[[], bool] = never,
) -> Remuxed:
    """Write a span as `remux` does, of a recording whose sound has files of its own.

    `sounds` gives the stretches of the sound between two seconds of the timeline: it is asked when it is
    known where the picture begins. What is written in between lies beside `target`. Raises what `remux`
    raises.
    """
    end_s = start_s + duration_s
    picture, sound = target.with_name("picture.ts"), target.with_name("sound.ts")
    both = target if form is MediaForm.TS else target.with_name("both.ts")
    seen = remux(
        pictures,
        start_s,
        duration_s,
        picture,
        MediaForm.TS,
        lambda share: progress(share * PICTURE),
        cancelled,
    )
    length_s = end_s - seen.start_s
    heard = remux(
        sounds(seen.start_s, end_s),
        seen.start_s,
        length_s,
        sound,
        MediaForm.TS,
        lambda share: progress(PICTURE + share * (SOUND - PICTURE)),
        cancelled,
    )
    _put_together(_whole(picture, seen), _whole(sound, heard), both, cancelled)
    picture.unlink()
    sound.unlink()
    if form is MediaForm.TS:
        progress(1.0)
        return seen
    made = remux(
        (_whole(both, seen),),
        start_s,
        duration_s,
        target,
        form,
        lambda share: progress(BOTH + share * (1 - BOTH)),
        cancelled,
    )
    both.unlink()
    # The last pictures are decoded before they are shown: where the file ends, the first copy knows better.
    return Remuxed(made.start_s, seen.start_s + seen.duration_s - made.start_s, seen.missing_s)


def _whole(path: Path, made: Remuxed) -> Stretch:
    """Return a file that was written as a stretch, to be read from its first picture on.

    Its source is closed by whoever opens it.
    """
    return Stretch(path.open("rb"), Container.MPEGTS, False, made.start_s, math.inf)


def _put_together(picture: Stretch, sound: Stretch, target: Path, cancelled: Callable[[], bool]) -> None:
    with open_stretch(picture, cancelled) as seen, open_stretch(sound, cancelled) as heard:
        if seen.video is None or heard.audio is None:
            raise RecordingError(RecordingFault.INVALID, "the recording lacks its picture or its sound")
        # One clock for both: the picture's.
        shift_s = seen.zero_s - heard.zero_s
        later_s = -(seen.zero_s + picture.start_s)
        with PacketFile(target, "mpegts", [seen.video, heard.audio], later_s) as file:
            pictures = _packets(seen, seen.video, 0, 0.0, file)
            sounds = _packets(heard, heard.audio, 1, shift_s, file)
            gathered: list[Any] = []
            for _, _, packet in heapq.merge(pictures, sounds, key=lambda each: each[:2]):
                gathered.append(packet)
                if len(gathered) >= AT_ONCE:
                    file.write(gathered)
                    gathered = []
            file.write(gathered)


def _packets(
    media: Media, stream: Stream, place: int, shift_s: float, file: PacketFile
) -> Iterator[tuple[float, int, Any]]:
    """Yield the packets of a stream as those of another file, with when they are decoded."""
    track = Track(stream, media.zero_s)
    shift = round(shift_s / track.tick_s)
    for packets in media.packets(stream, at_once=AT_ONCE):
        full: list[Any] = [packet for packet in packets if packet.size]
        track.steady(full)
        for packet in full:
            packet.dts += shift
            packet.pts += shift
            packet.stream = file.streams[place]
            yield packet.dts * track.tick_s, place, packet
