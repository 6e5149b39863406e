"""Encodes the audio of a window as mp3."""

from __future__ import annotations

import io

import av
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from config.errors import AudiowardenError
from pipeline.audio import SAMPLE_RATE_HZ, Pcm


class EncodeError(AudiowardenError):
    """The audio cannot be encoded."""


def encode_mp3(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    """Encode mono 16 kHz audio; blocking, about 35 ms for 10 s. Raises EncodeError."""
    if not len(pcm):
        raise EncodeError("there is no audio to encode")
    try:
        return _encode(pcm, bit_rate_kbps)
    except (FFmpegError, MemoryError) as error:
        raise EncodeError(f"the clip cannot be encoded: {type(error).__name__}") from error


def _encode(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp3") as container:
        # 7 of 0..9: a third of the default's time, for speech without an audible loss.
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE_HZ, options={"compression_level": "7"})
        stream.layout = "mono"
        stream.format = "s16p"
        stream.bit_rate = bit_rate_kbps * 1000
        frame = AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16p", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()
