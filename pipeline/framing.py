"""Which codec a packet of audio is of, by how its frame begins: for containers whose frames say it."""

from __future__ import annotations

FRAMED = frozenset({"mpegts", "hls"})
"""FFmpeg's names of the containers in which frames begin as below; in others AAC has no such head."""
_HEAD_BYTES = 6
_MAX_AC3_BSID = 10
_MAX_EAC3_BSID = 16


def codec_of(packet: bytes | memoryview) -> str | None:
    """Return FFmpeg's name of the codec; None: it is none of those that are known.

    MPEG audio: ISO/IEC 11172-3, 2.4.1.3 (eleven bits of ones, a layer, a bit rate, a rate); AAC in ADTS:
    ISO/IEC 13818-7, 6.2 (twelve bits of ones, layer 0); AAC in LATM: ISO/IEC 14496-3, 1.7.2 (eleven bits,
    0x2B7); AC-3 and E-AC-3: ATSC A/52, 5.4.1 and E.1.3 (0x0B77; the sixth byte begins with the version).
    """
    head = bytes(packet[:_HEAD_BYTES])
    if len(head) < _HEAD_BYTES:
        return None
    first = int.from_bytes(head[:2])
    if first == 0x0B77:
        version = head[5] >> 3
        if version <= _MAX_AC3_BSID:
            return "ac3"
        return "eac3" if version <= _MAX_EAC3_BSID else None
    if first & 0xFFE0 == 0x56E0:
        return "aac_latm"
    if first & 0xFFF6 == 0xFFF0:
        return "aac"
    layer, bit_rate, rate = head[1] & 0x06, head[2] & 0xF0, head[2] & 0x0C
    if first & 0xFFE0 == 0xFFE0 and layer and bit_rate != 0xF0 and rate != 0x0C:
        return "mp3"
    return None
