"""MP3: LAME's frames, and one before them that says how long the sound is, to the sample.

The LAME in the wheel of av 18.1.0 is compiled without optimisation (every variable lies on the stack) and
takes 3.5 times the processor time of lameenc's, which is also LAME 3.100, and lets go of the GIL.

The first frame is Xing's with LAME's extension (gabriel.mp3-tech.org/mp3infotag.html). Lengths and places in
a frame are those of ISO 11172-3 and 13818-3.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import lameenc
import numpy as np
from numpy.typing import NDArray

from config.errors import AudiowardenError
from pipeline.audio import SAMPLE_RATE_HZ, Pcm

RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
QUALITY = 7
"""LAME's, 0 (best) to 9: two thirds of the time of ffmpeg's 5, for speech without an audible loss."""
DELAY = 576
"""Samples by which LAME's sound comes late; its decoders add 529 of their own."""
_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates of layer III by their number in the header: MPEG-1, and MPEG-2 with its lower rates."""
_INFO = struct.Struct(">4sIII100sI9sBBIIBB3sBBHI")
"""What stands in the first frame, but for its two checksums."""
_INFO_BYTES = _INFO.size + 4
_FIELDS = 0b1111
"""All of Xing's are there: frames, bytes, places, quality."""
_VERSION = b"LAME3.100"
"""Decoders look for the delay behind this name only."""


class Mp3Error(AudiowardenError):
    """LAME cannot encode it."""


class Mp3Writer:
    """Writes MP3 of a constant bit rate into a file that can be sought in. For one thread."""

    def __init__(self, file: BinaryIO, rate_hz: int, channels: int, bit_rate_kbps: int) -> None:
        """`rate_hz` is one of RATES_HZ. LAME takes the bit rate that is nearest. The file is not closed.

        Raises Mp3Error.
        """
        if bit_rate_kbps <= 0:
            raise Mp3Error(f"no bit rate: {bit_rate_kbps} kbit/s")
        self._file = file
        self._channels = channels
        self._samples = 0
        self._bytes = 0
        self._checksum = 0
        self._first: _Frame | None = None
        self._encoder = lameenc.Encoder()
        try:
            self._encoder.silence()
            self._encoder.set_channels(channels)
            self._encoder.set_in_sample_rate(rate_hz)
            self._encoder.set_out_sample_rate(rate_hz)
            self._encoder.set_bit_rate(bit_rate_kbps)
            self._encoder.set_quality(QUALITY)
        except RuntimeError as error:
            raise Mp3Error(str(error)) from None

    def write(self, pcm: bytes) -> None:
        """Encode 16 bit samples, the channels in turns. Raises Mp3Error, OSError."""
        self._samples += len(pcm) // (2 * self._channels)
        try:
            self._put(bytes(self._encoder.encode(pcm)))
        except (RuntimeError, SystemError) as error:
            raise Mp3Error(str(error)) from None

    def finish(self) -> None:
        """Write what LAME holds back, and the first frame. Raises Mp3Error, OSError."""
        try:
            self._put(bytes(self._encoder.flush()))
        except (RuntimeError, SystemError) as error:
            raise Mp3Error(str(error)) from None
        if self._first is not None:
            self._file.seek(0)
            self._file.write(self._tag(self._first))

    def _put(self, data: bytes) -> None:
        if not data:
            return
        if self._first is None:
            self._first = _Frame.parse(data).at_least(_INFO_BYTES)
            self._file.write(bytes(self._first.size))
            self._bytes = self._first.size
        self._bytes += len(data)
        self._checksum = crc16(data, self._checksum)
        self._file.write(data)

    def _tag(self, frame: _Frame) -> bytes:
        """Return the first frame: a silent one."""
        # LAME ends with at least a delay's silence, up to the end of a frame.
        padding = -(self._samples + DELAY) % frame.samples
        if padding < DELAY:
            padding += frame.samples
        info = _INFO.pack(
            b"Info",
            _FIELDS,
            (self._samples + DELAY + padding) // frame.samples,
            self._bytes,
            bytes(256 * percent // 100 for percent in range(100)),
            # As LAME counts: 100 less 10 for each step of its variable rate's quality, which is 4 here.
            60 - QUALITY,
            _VERSION,
            1,  # a constant bit rate
            0,  # the low-pass filter, the peak and the gains are not told
            0,
            0,
            0,
            min(frame.kbps, 255),
            (DELAY << 12 | padding).to_bytes(3),
            frame.stereo_mode << 2,
            0,
            0,
            self._bytes,
        )
        tag = frame.header + bytes(frame.side_bytes) + info + self._checksum.to_bytes(2)
        return (tag + crc16(tag).to_bytes(2)).ljust(frame.size, b"\0")


def encode_mp3(pcm: Pcm, bit_rate_kbps: int) -> bytes:
    """Encode mono 16 kHz audio, a clip; blocking, about 9 ms for 10 s. Raises Mp3Error."""
    if not len(pcm):
        raise Mp3Error("there is no audio to encode")
    target = io.BytesIO()
    writer = Mp3Writer(target, SAMPLE_RATE_HZ, 1, bit_rate_kbps)
    writer.write(pcm.tobytes())
    writer.finish()
    return target.getvalue()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the header of a frame says."""

    header: bytes

    @classmethod
    def parse(cls, data: bytes) -> _Frame:
        """Read the frame at the beginning of what LAME gave out."""
        # The first frame has no padding byte, and its picture of the channels is not the next one's.
        return cls(bytes((data[0], data[1], data[2] & ~0b10, data[3] & ~0b110000)))

    @property
    def samples(self) -> int:
        """Of each channel."""
        return 1152 if self._mpeg == 1 else 576

    @property
    def size(self) -> int:
        """Bytes."""
        return self.samples // 8 * self.kbps * 1000 // self.rate_hz

    @property
    def kbps(self) -> int:
        return _KBPS[self._mpeg][self.header[2] >> 4]

    @property
    def rate_hz(self) -> int:
        halved = {0b11: 0, 0b10: 1, 0b00: 2}[self.header[1] >> 3 & 0b11]
        return (44100, 48000, 32000)[self.header[2] >> 2 & 0b11] >> halved

    @property
    def stereo_mode(self) -> int:
        """As LAME counts: mono, stereo, two languages, joint stereo."""
        return (1, 3, 2, 0)[self.header[3] >> 6]

    @property
    def side_bytes(self) -> int:
        """What stands between the header and the sound."""
        return (17 if self._mpeg == 1 else 9) if self.stereo_mode == 0 else (32 if self._mpeg == 1 else 17)

    @property
    def _mpeg(self) -> int:
        return 1 if self.header[1] >> 3 & 0b11 == 0b11 else 2

    def at_least(self, info_bytes: int) -> _Frame:
        """Return this one, or of the higher bit rates the first with room for so many bytes."""
        frame = self
        while frame.size < len(self.header) + self.side_bytes + info_bytes:
            header = frame.header
            frame = _Frame(bytes((header[0], header[1], header[2] + 0x10, header[3])))
        return frame


def crc16(data: bytes, before: int = 0) -> int:
    """Return the checksum of LAME's extension (CRC-16/ARC) of some bytes, of at least two.

    `before` is that of the bytes before them. Pairs of neighbours are joined until one is left: the checksum
    of both is that of the first with as many zeros behind as the second is long, and that of the second.
    """
    message = np.frombuffer(data, np.uint8).copy()
    message[:2] ^= np.frombuffer(before.to_bytes(2, "little"), np.uint8)
    checksums = _crc16_of_bytes()[message]
    level = 0
    while len(checksums) > 1:
        if len(checksums) % 2:
            # Zeros before a message change nothing.
            checksums = np.insert(checksums, 0, 0)
        checksums = _crc16_with_zeros(level)[checksums[::2]] ^ checksums[1::2]
        level += 1
    return int(checksums[0])


@cache
def _crc16_of_bytes() -> NDArray[np.uint16]:
    """Return the checksum of each byte."""
    checksums = np.arange(256)
    for _ in range(8):
        checksums = (checksums >> 1) ^ (checksums & 1) * 0xA001
    return checksums.astype(np.uint16)


@cache
def _crc16_with_zeros(level: int) -> NDArray[np.uint16]:
    """Return what becomes of each checksum when `2 ** level` zeros follow."""
    if level:
        half = _crc16_with_zeros(level - 1)
        return half[half]
    checksums = np.arange(65536)
    shifted: NDArray[np.uint16] = _crc16_of_bytes()[checksums & 0xFF] ^ (checksums >> 8).astype(np.uint16)
    return shifted
