"""Media made to harm: headers that lie, rates that nothing has, servers faster than time."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from pipeline.audio import WINDOW_S
from pipeline.source import SourceFault
from pipeline.windows import LIVE_LEAD_S
from tests.support.flv_tags import Tag, join_tags, tags
from tests.support.listening import listen, source, take
from tests.support.media_server import HttpServer, flv, paced
from tests.support.speech import tone, write_wav

SCRIPT = 18


def text(content: bytes) -> bytes:
    """A string of the format in which FLV carries its titles."""
    return len(content).to_bytes(2) + content


@pytest.mark.parametrize("title", ["直播间".encode("gbk"), "Café".encode("latin-1"), bytes(range(128, 256))])
def test_titles_may_be_in_any_encoding(title: bytes, server: HttpServer, flv_bytes: bytes) -> None:
    entry = text(b"title") + b"\x02" + text(title)
    head = b"\x02" + text(b"onMetaData") + b"\x08" + (1).to_bytes(4) + entry + b"\x00\x00\x09"
    content = join_tags(
        flv_bytes, [Tag(SCRIPT, 0, head), *(tag for tag in tags(flv_bytes) if tag.kind != SCRIPT)]
    )
    heard = listen(server.stream("titled.flv", paced(content, 0)))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)


def box(name: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", len(content) + 8) + name + content


def mp4(samples: int, tracks: int = 1) -> bytes:
    """An MP4 whose tracks say that they have so many samples of four bytes."""
    described = box(b"mp4a", bytes(6) + b"\0\1" + bytes(8) + struct.pack(">HHHHI", 2, 16, 0, 0, 44100 << 16))
    table = box(
        b"stbl",
        box(b"stsd", struct.pack(">II", 0, 1), described),
        box(b"stts", struct.pack(">IIII", 0, 1, samples, 1024)),
        box(b"stsz", struct.pack(">III", 0, 4, samples)),
        box(b"stsc", struct.pack(">IIIII", 0, 1, 1, samples, 1)),
        box(b"stco", struct.pack(">III", 0, 1, 48)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 44100, 44100, 0x55C4, 0)),
        box(b"hdlr", bytes(8) + b"soun" + bytes(13)),
        box(b"minf", box(b"smhd", bytes(8)), table),
    )
    track = box(b"trak", box(b"tkhd", struct.pack(">IIIIII", 7, 0, 0, 1, 0, 0) + bytes(60)), media)
    head = box(b"ftyp", b"isom\0\0\0\0isom") + box(b"moov", box(b"mvhd", bytes(100)), *[track] * tracks)
    return head + box(b"mdat", bytes(100_000))


def test_a_header_does_not_decide_how_much_memory_is_taken(server: HttpServer) -> None:
    # The index of so many takes 96 MB; with a few thousand the same file gives a little audio.
    assert listen(server.content("small.mp4", mp4(4_000))).blocks
    heard = listen(server.content("bomb.mp4", mp4(4_000_000)))
    assert heard.blocks == []
    assert heard.fault in (SourceFault.NO_AUDIO, SourceFault.INVALID_DATA)


def test_many_tracks_do_not_take_more_together(server: HttpServer) -> None:
    # One of them may be taken; of all together FFmpeg made 1.5 GB, out of a hundred kilobytes.
    heard = listen(server.content("tracks.mp4", mp4(2_000_000, tracks=20)))
    assert heard.blocks == []
    assert heard.error is not None
    assert str(heard.error) == "the file claims more than 4000000 samples"
    assert not heard.error.retryable


@pytest.mark.parametrize("rate_hz", [1, 100, 10_000_019])
def test_rates_that_nothing_has(rate_hz: int, server: HttpServer) -> None:
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz, 1, 8)
    data = bytes(50_000)
    head = b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", len(form))
    content = head + form + b"data" + struct.pack("<I", len(data)) + data
    heard = listen(server.content("rate.wav", content))
    assert heard.fault is SourceFault.INVALID_DATA
    assert heard.blocks == []


async def test_a_server_faster_than_time_does_not_carry_the_windows_away(
    server: HttpServer, tmp_path: Path
) -> None:
    spoken = flv(write_wav(tmp_path / "long.wav", tone(80)))
    run = source(server.stream("fast.flv", paced(spoken, 0)))
    began_at = time.time()
    windows, error = await take(run)
    assert error is None
    # The first window's audio was kept for us; after it, a minute is what may come early. Whoever takes the
    # windows may be slower than that: then some of them are told as lost, in the same places.
    assert time.time() - began_at > 80 - WINDOW_S - LIVE_LEAD_S - 1
    assert max(window.ended_at for window in windows) < time.time() + LIVE_LEAD_S + 1
    assert [window.index for window in windows] == list(range(8))
