"""MP3 is as long as what was encoded, to the sample, and says so in its first frame."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import mp3
from tests.support.recorded import chirps, lag, run_ffmpeg

SECONDS = 3


def encoded(pcm: NDArray[np.int16], rate_hz: int, bit_rate_kbps: int, chunk: int = 7000) -> bytes:
    """Encode samples of shape (channels, n) or (n,), so many at a time."""
    turns = np.atleast_2d(pcm).T
    file = io.BytesIO()
    writer = mp3.Mp3Writer(file, rate_hz, turns.shape[1], bit_rate_kbps)
    for start in range(0, len(turns), chunk):
        writer.write(turns[start : start + chunk].tobytes())
    writer.finish()
    return file.getvalue()


def decoded(data: bytes, folder: Path, channels: int) -> NDArray[np.int16]:
    """Return what ffmpeg hears, at the rate that the file has: shape (channels, n)."""
    path = folder / "sound.mp3"
    path.write_bytes(data)
    pcm = np.frombuffer(run_ffmpeg("-i", path, "-f", "s16le", "-"), np.int16)
    return pcm.reshape(-1, channels).T


def frames(data: bytes) -> list[bytes]:
    """Return the frames of a file, told apart by what their headers say about their length."""
    found = []
    while data:
        head = int.from_bytes(data[:4])
        assert head >> 21 == 0x7FF, "a frame begins where the one before ends"
        version, kbps, rate = head >> 19 & 3, head >> 12 & 15, head >> 10 & 3
        if version == 3:
            kbps = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[kbps]
        else:
            kbps = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)[kbps]
        rate_hz = (44100, 48000, 32000)[rate] // {3: 1, 2: 2, 0: 4}[version]
        size = (144000 if version == 3 else 72000) * kbps // rate_hz + (head >> 9 & 1)
        found.append(data[:size])
        data = data[size:]
    return found


@pytest.mark.parametrize("rate_hz", mp3.RATES_HZ)
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_to_the_sample(rate_hz: int, channels: int, tmp_path: Path) -> None:
    original = chirps(SECONDS, 48_000)[:: 48_000 // rate_hz][: SECONDS * rate_hz - 321]
    both = np.stack([original, original[::-1]])[:channels]
    heard = decoded(encoded(both, rate_hz, 64 * channels), tmp_path, channels)
    assert heard.shape == both.shape
    for mine, theirs in zip(heard, both, strict=True):
        late, likeness = lag(mine, theirs)
        assert late == 0
        assert likeness > 0.9


@pytest.mark.parametrize("samples", [1, 500, 575, 576, 577, 1151, 1152, 1153, 48_000])
def test_every_length(samples: int, tmp_path: Path) -> None:
    data = encoded(chirps(1)[:samples], 48_000, 128, chunk=100)
    assert decoded(data, tmp_path, 1).shape == (1, samples)


@pytest.mark.parametrize(("rate_hz", "kbps"), [(48_000, 32), (48_000, 320), (16_000, 16), (8_000, 8)])
def test_the_first_frame_counts_the_others(rate_hz: int, kbps: int) -> None:
    data = encoded(chirps(SECONDS, 48_000), rate_hz, kbps)
    info, *others = frames(data)
    place = info.index(b"Info")
    assert int.from_bytes(info[place + 8 : place + 12]) == len(others)
    assert int.from_bytes(info[place + 12 : place + 16]) == len(data)
    places = info[place + 16 : place + 116]
    assert sorted(places) == list(places)
    assert checksum(b"".join(others)) == int.from_bytes(info[place + 152 : place + 154])
    assert checksum(info[: place + 154]) == int.from_bytes(info[place + 154 : place + 156])


def checksum(data: bytes) -> int:
    """Work out CRC-16/ARC a bit at a time."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def test_checksums_in_pieces() -> None:
    assert mp3.crc16(b"123456789") == 0xBB3D, "the check value of CRC-16/ARC"
    data = np.random.default_rng(3).bytes(1000)
    for cut in (2, 3, 500, 997, 998):
        assert mp3.crc16(data[cut:], mp3.crc16(data[:cut])) == checksum(data)


def test_no_bit_rate() -> None:
    with pytest.raises(mp3.Mp3Error, match="bit rate"):
        mp3.Mp3Writer(io.BytesIO(), 48_000, 1, 0)


def test_nothing_to_encode() -> None:
    file = io.BytesIO()
    with pytest.raises(mp3.Mp3Error):
        mp3.Mp3Writer(file, 48_000, 1, 64).finish()
    assert not file.getvalue()
