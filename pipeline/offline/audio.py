"""What is made of recordings: a piece of their audio, all of it, a picture. Blocking, for worker threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.audio_forms import AudioForm, nearest_rate_hz
from pipeline.encode import AudioFile, PacketFile
from pipeline.framing import codec_of
from pipeline.limits import BAD_PACKETS
from pipeline.offline.packets import AT_ONCE, Track
from pipeline.offline.sound import Sound
from pipeline.recording.media import Media, open_stretch
from pipeline.recording.recording import RecordingError, RecordingFault, Stretch, cancelled_error
from pipeline.recording.tap import never

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
"""A rate asked for that lies outside is not heeded."""
MAX_CUT_S = 24 * 3600.0
"""The longest piece: what time stamps that leap could otherwise make of a minute."""
PROGRESS_EVERY_S = 0.3
AAC = "aac"

Progress = Callable[[float], None]
"""Gets the share that is done, 0..1."""


def unwatched(_: float) -> None:
    """Take note of no progress."""


class Gauge:
    """Tells progress a few times a second."""

    def __init__(self, tell: Progress) -> None:
        self._tell = tell
        self._told_at = -math.inf

    def show(self, share: float) -> None:
        """Tell the share that is done, if it is time to."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_EVERY_S:
            self._told_at = now
            self._tell(min(max(share, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class CutAudio:
    """A piece of audio that was written."""

    duration_s: float
    """Shorter than asked for when the recording ends before."""
    missing_s: float
    """How much of the span the recording lacks: what is silence instead, and what lies behind its end."""
    rate_hz: int


def cut_audio(
    stretches: Iterable[Stretch],
    start_s: float,
    duration_s: float,
    target: Path,
    form: AudioForm,
    rate_hz: int | None = None,
    progress: Progress = unwatched,
    cancelled: Callable[[], bool] = never,
) -> CutAudio:
    """Write `[start_s, start_s + duration_s)` of a recording's timeline as a mono file, exact to the sample.

    `stretches` by time; they are opened one after the other and closed. `rate_hz` is heeded from 8,000 to
    192,000, else the source's rate is kept; either gives way to what the codec knows. Raises RecordingError,
    and EncodeError when the result cannot be written.
    """
    check_span(start_s, duration_s)
    wanted_hz = rate_hz if rate_hz is not None and MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ else None
    sound = Sound(start_s, duration_s, lambda from_hz: nearest_rate_hz(form, wanted_hz or from_hz))
    gauge = Gauge(progress)
    with ExitStack() as stack:
        file: AudioFile | None = None
        for pcm in sound.read(stretches, cancelled):
            if cancelled():
                raise cancelled_error()
            file = file or stack.enter_context(AudioFile(target, form, sound.rate_hz))
            file.write(pcm)
            gauge.show(sound.given / sound.total)
    progress(1.0)
    lacking = sound.total - sound.given + sound.silent
    return CutAudio(sound.given / sound.rate_hz, lacking / sound.rate_hz, sound.rate_hz)


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What an audio file holds."""

    duration_s: float
    codec: str
    bit_rate: int
    """Bits a second, of the whole file."""
    rate_hz: int
    channels: int
    size: int
    """Bytes."""


def extract_audio(
    stretch: Stretch,
    target: Path,
    form: AudioForm,
    progress: Progress = unwatched,
    cancelled: Callable[[], bool] = never,
) -> AudioFacts:
    """Write all of a recording's audio, with its channels, mono or stereo. AAC into M4A is not encoded again.

    Raises RecordingError, and EncodeError when the result cannot be written.
    """
    with open_stretch(stretch, cancelled) as media:
        if media.audio is None:
            raise RecordingError(RecordingFault.INVALID, "the recording has no audio")
        gauge = Gauge(progress)
        copied = form is AudioForm.M4A and media.audio.codec_context.name == AAC
        facts = _copy(media, target, gauge) if copied else _encode(media, target, form, gauge)
    progress(1.0)
    return facts


def _encode(media: Media, target: Path, form: AudioForm, gauge: Gauge) -> AudioFacts:
    """Encode all the audio there is, one piece after the other, whatever its time stamps say."""
    with ExitStack() as stack:
        file: AudioFile | None = None
        for frame in media.frames(media.audio) if media.audio is not None else ():
            if file is None:
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                rate_hz = nearest_rate_hz(form, frame.sample_rate)
                file = stack.enter_context(AudioFile(target, form, rate_hz, layout))
            file.write_frame(frame)
            gauge.show(file.duration_s / media.length_s if media.length_s else 0.0)
    if file is None:
        raise RecordingError(RecordingFault.INVALID, "the recording has no audio")
    return _facts(target, file.duration_s, file.codec, file.rate_hz, file.channels)


def _copy(media: Media, target: Path, gauge: Gauge) -> AudioFacts:
    """Write the packets of AAC as they are; the file begins with the first of them."""
    if media.audio is None:
        raise RecordingError(RecordingFault.INVALID, "the recording has no audio")
    track = Track(media.audio, 0.0)
    others = 0
    zero_s = (media.audio.start_time or 0) * track.tick_s
    with PacketFile(target, "ipod", [media.audio], -zero_s) as file:
        for packets in media.packets(media.audio, at_once=AT_ONCE):
            full = [packet for packet in packets if packet.size]
            track.steady(full)
            for packet in full:
                foreign = media.framed and codec_of(memoryview(packet)) not in (None, AAC)
                others = others + 1 if foreign else 0
                if others >= BAD_PACKETS:
                    text = "the recording goes on with audio of another codec, which M4A cannot take as it is"
                    raise RecordingError(RecordingFault.UNSUPPORTED, text)
                packet.stream = file.streams[0]
            file.write(full)
            gauge.show((track.ends_s - zero_s) / media.length_s if media.length_s else 0.0)
    if not track.ends_s:
        raise RecordingError(RecordingFault.INVALID, "the recording has no audio")
    codec = media.audio.codec_context
    return _facts(target, track.ends_s - zero_s, "aac", codec.sample_rate, codec.layout.nb_channels)


def _facts(target: Path, duration_s: float, codec: str, rate_hz: int, channels: int) -> AudioFacts:
    size = target.stat().st_size
    return AudioFacts(duration_s, codec, round(size * 8 / duration_s), rate_hz, channels, size)


def check_span(start_s: float, duration_s: float) -> None:
    """Raise RecordingError for what is no span."""
    if not (math.isfinite(start_s) and 0 < duration_s <= MAX_CUT_S) or start_s < 0:
        text = f"a span begins at 0 or later, and lasts up to {MAX_CUT_S / 3600:g} hours"
        raise RecordingError(RecordingFault.OUTSIDE, text)
