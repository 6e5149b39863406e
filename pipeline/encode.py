"""Encodes the audio of a window as mp3."""

from __future__ import annotations

import io

import av
from av.audio.frame import AudioFrame

from pipeline.audio import SAMPLE_RATE_HZ, Pcm


def encode_mp3(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    """Encode mono 16 kHz audio; blocking, about 35 ms for 10 s. Raises ValueError when there is none."""
    if not len(pcm):
        raise ValueError("there is no audio to encode")
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
