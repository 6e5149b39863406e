"""The kinds of audio files that are written, and how each is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum, auto

from pipeline import mp3

MAX_RATE_HZ = 192_000
"""No file is written with more samples a second."""


class AudioForm(StrEnum):
    """The kinds of audio files, by their usual suffix."""

    FLAC = auto()
    WAV = auto()
    MP3 = auto()
    M4A = auto()
    """AAC in MP4."""
    OGG = auto()
    """Opus."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a kind of file is made."""

    container: str
    codec: str
    format: str
    """Of the samples that the encoder takes."""
    rates_hz: tuple[int, ...] = ()
    """Those that the codec knows, ascending; none: any."""
    options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)
    channel_bit_rate: int = 0


# The index goes before the media, so that players begin before they have all of it. FFmpeg moves the media
# for it within the file, a piece as large as the index at a time.
INDEX_FIRST = {"movflags": "+faststart"}
RECIPES = {
    AudioForm.FLAC: Recipe("flac", "flac", "s16"),
    # Beyond 4 GiB a wav file needs another header.
    AudioForm.WAV: Recipe("wav", "pcm_s16le", "s16", container_options={"rf64": "auto"}),
    AudioForm.MP3: Recipe("mp3", "mp3", "s16", mp3.RATES_HZ, channel_bit_rate=64_000),
    AudioForm.M4A: Recipe(
        "ipod",
        "aac",
        "fltp",
        (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000),
        # FFmpeg's slow coder takes 2.5 times as long for a gain that a few more bits make up for.
        {"aac_coder": "fast"},
        INDEX_FIRST,
        80_000,
    ),
    AudioForm.OGG: Recipe(
        "ogg", "libopus", "s16", (8000, 12000, 16000, 24000, 48000), channel_bit_rate=48_000
    ),
}


def nearest_rate_hz(form: AudioForm, rate_hz: int) -> int:
    """Return the lowest rate that a kind of file can have and that loses nothing, or else the highest."""
    rates_hz = RECIPES[form].rates_hz or (min(rate_hz, MAX_RATE_HZ),)
    return next((each for each in rates_hz if each >= rate_hz), rates_hz[-1])
