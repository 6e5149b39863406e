"""Recordings behind a real HTTP server: what is asked of it, what is refused, how it ends."""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from pipeline.network.addresses import AddressPolicy
from pipeline.recording.gaps import Gap, Gaps
from pipeline.recording.opening import open_recording
from pipeline.recording.recording import ByteSpan, RecordingError, RecordingFault, SeekableBytes
from pipeline.recording.stretches import stretches
from pipeline.recording.text import read_whole
from pipeline.recording.web import WebLibrary
from tests.support.guarding import IMPATIENT, PATIENT, QUICK, endless, raw_server
from tests.support.media_server import HttpServer, SilentServer, paced
from tests.support.recordings import expected, tones_of, whole

CONTENT = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def site(shelf: Path) -> Iterator[HttpServer]:
    with HttpServer(shelf) as running:
        yield running


@pytest.fixture
def library(tmp_path: Path) -> WebLibrary:
    return WebLibrary(AddressPolicy(True), QUICK, tmp_path)


def refusal(act: Callable[[], object]) -> RecordingError:
    with pytest.raises(RecordingError) as caught:
        act()
    assert "geheim" not in str(caught.value), "no path or query is told"
    return caught.value


def content(library: WebLibrary, name: str, span: ByteSpan | None = None) -> bytes:
    return read_whole(library, name, 10**8, span)


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("ts/play.m3u8", 3),
        ("fmp4/play.m3u8", 4),
        ("ranges/play.m3u8", 3),
        ("aes/play.m3u8", 4),
        ("timeline/stream.mpd", 4),
        ("list/stream.mpd", 4),
    ],
)
def test_a_span_of_a_recording(name: str, files: int, site: HttpServer, library: WebLibrary) -> None:
    site.requested.clear()
    recording = open_recording(library, site.url(name), picture=False)
    assert set(expected(7, 11)) <= set(tones_of(stretches(recording, library, 7, 11)))
    assert len(site.requested) == files + 1


def test_a_single_file_is_sought_in(site: HttpServer, library: WebLibrary) -> None:
    recording = open_recording(library, site.url("film.mp4?token=geheim"))
    (stretch,) = (
        each for each in stretches(recording, library, 7, 11) if tones_of([each])[7:12] == expected(7, 11)
    )
    assert stretch.seekable


def test_a_server_without_parts(site: HttpServer, shelf: Path, library: WebLibrary) -> None:
    name = site.content("plain.mp4", (shelf / "film.mp4").read_bytes())
    recording = open_recording(library, name)
    for stretch in stretches(recording, library, 7, 11):
        assert tones_of([stretch])[7:12] == expected(7, 11)
    unknown = site.stream("live.flv", paced(CONTENT, 0))
    assert refusal(lambda: library.open_seekable(unknown)).fault is RecordingFault.UNSUPPORTED


def test_what_is_fetched_whole_lies_in_the_folder_for_it(
    site: HttpServer, shelf: Path, library: WebLibrary, tmp_path: Path
) -> None:
    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    with closing(library.open_seekable(site.handle("/whole.mp4", whole))) as file:
        assert isinstance(file, io.BufferedRandom)
        assert Path(f"/proc/self/fd/{file.fileno()}").readlink().is_relative_to(tmp_path)
        assert list(tmp_path.iterdir()) == [], "nobody else finds it, and nobody has to delete it"


def test_places_in_a_file(site: HttpServer, shelf: Path, library: WebLibrary) -> None:
    film = (shelf / "film.mp4").read_bytes()
    source: SeekableBytes
    with closing(library.open_seekable(site.url("film.mp4"))) as source:
        assert source.seek(-100, 2) == len(film) - 100
        assert whole(source) == film[-100:]
        assert source.seek(1000) == source.tell() == 1000
        assert source.read(10) == film[1000:1010]


@pytest.mark.parametrize("ranges", [True, False])
def test_parts_of_files(ranges: bool, site: HttpServer, shelf: Path, library: WebLibrary) -> None:
    film = (shelf / "film.mp4").read_bytes()
    name = site.url("film.mp4") if ranges else site.content("no-ranges", film)
    assert content(library, name, ByteSpan(5000, 9000)) == film[5000:9000]
    assert content(library, name, ByteSpan(0, 7)) == film[:7]
    assert content(library, name, ByteSpan(len(film) - 5, len(film) + 50)) == film[-5:]


def test_missing_segments(site: HttpServer, shelf: Path, library: WebLibrary) -> None:
    playlist = (shelf / "ts" / "play.m3u8").read_text().replace("play4.ts", "lost.ts")
    name = site.content("ts/holed.m3u8", playlist.encode())
    gaps = Gaps()
    heard = tones_of(stretches(open_recording(library, name), library, 7, 13, gaps=gaps))
    assert set(heard) >= {(7, 1000), (10, 1300), (11, 1400), (12, 1500)}
    assert gaps.all() == (Gap(8, 10),)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (404, RecordingFault.MISSING),
        (410, RecordingFault.MISSING),
        (401, RecordingFault.REFUSED),
        (403, RecordingFault.REFUSED),
        (429, RecordingFault.UNREACHABLE),
        (500, RecordingFault.UNREACHABLE),
        (503, RecordingFault.UNREACHABLE),
        (400, RecordingFault.INVALID),
        (416, RecordingFault.INVALID),
    ],
)
def test_statuses(status: int, fault: RecordingFault, site: HttpServer, library: WebLibrary) -> None:
    name = site.status("geheim", status)
    assert refusal(lambda: content(library, name)).fault is fault
    assert refusal(lambda: library.open_seekable(name)).fault is fault


def test_what_breaks_off(site: HttpServer, library: WebLibrary, tmp_path: Path) -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort") as port:
        impatient = WebLibrary(AddressPolicy(True), IMPATIENT, tmp_path)
        error = refusal(lambda: content(impatient, f"http://127.0.0.1:{port}/geheim"))
    assert error.fault is RecordingFault.UNREACHABLE
    assert error.retryable
    with SilentServer() as silent:
        assert refusal(lambda: content(impatient, f"http://127.0.0.1:{silent.port}/")).retryable
    with raw_server(b"garbage\r\n\r\n") as port:
        assert refusal(lambda: content(library, f"http://127.0.0.1:{port}/")).fault is RecordingFault.INVALID


def test_too_large_for_a_part(site: HttpServer, library: WebLibrary) -> None:
    name = site.stream("endless", endless(b"#EXTM3U\n"))
    assert refusal(lambda: open_recording(library, name + "?x.m3u8")).fault is RecordingFault.INVALID


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a",
        "http://localhost/a",
        "http://2130706433/",
        "file:///etc/passwd",
        "/etc/passwd",
        "rtmp://example.org/live/a",
        "ftp://example.org/a",
        "http://",
        "",
    ],
)
def test_addresses_that_are_refused(address: str, tmp_path: Path) -> None:
    library = WebLibrary(AddressPolicy(False), QUICK, tmp_path)
    for act in (library.open, library.open_seekable):
        assert refusal(lambda act=act: act(address)).fault is RecordingFault.REFUSED  # type: ignore[misc]
    if "://" in address and address != "http://":
        assert refusal(lambda: library.beside("http://example.org/", address)).fault is RecordingFault.REFUSED


def test_a_name_with_a_refused_address(tmp_path: Path) -> None:
    policy = AddressPolicy(False, resolver=lambda *_: ["93.184.216.34", "10.0.0.1"])
    library = WebLibrary(policy, QUICK, tmp_path)
    error = refusal(lambda: content(library, "http://example.org/geheim"))
    assert error.fault is RecordingFault.REFUSED
    assert not error.retryable


def test_redirects(site: HttpServer, shelf: Path, library: WebLibrary, tmp_path: Path) -> None:
    """A playlist that moved has its segments where it moved to."""
    for name in ("ts/play.m3u8", "timeline/stream.mpd"):
        moved = site.status(f"moved/{name}", 302, {"Location": f"/{name}"})
        recording = open_recording(library, moved, picture=False)
        assert set(expected(7, 11)) <= set(tones_of(stretches(recording, library, 7, 11)))
    away = site.status("away", 302, {"Location": "http://169.254.169.254/geheim"})
    policy = AddressPolicy(False, resolver=lambda *_: ["127.0.0.1"])
    assert refusal(lambda: content(WebLibrary(policy, QUICK, tmp_path), away)).fault is RecordingFault.REFUSED
    loop = site.status("loop", 302, {"Location": "/loop"})
    assert refusal(lambda: content(library, loop)).fault is RecordingFault.UNREACHABLE


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("a.ts", "http://example.org/x/a.ts"),
        ("../a.ts?b=c", "http://example.org/a.ts?b=c"),
        ("/a b.ts#part", "http://example.org/a%20b.ts"),
        ("//cdn.example.org/a.ts", "http://cdn.example.org/a.ts"),
        ("https://cdn.example.org/a.ts", "https://cdn.example.org/a.ts"),
        ("../../../../etc/passwd", "http://example.org/etc/passwd"),
    ],
)
def test_references(reference: str, name: str, library: WebLibrary) -> None:
    assert library.beside("http://example.org/x/play.m3u8?token", reference) == name


def test_cancelling_ends_what_waits(site: HttpServer, tmp_path: Path) -> None:
    library = WebLibrary(AddressPolicy(True), PATIENT, tmp_path)
    asked = threading.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(3600)
        raise AssertionError

    name = site.handle("hang", hang)
    seekable = site.url("film.mp4")
    source = library.open_seekable(seekable)

    def cancel() -> None:
        asked.wait(10)
        library.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    began_s = time.monotonic()
    assert refusal(lambda: content(library, name)).fault is RecordingFault.CANCELLED
    assert time.monotonic() - began_s < 15
    canceller.join()
    source.seek(100_000)
    assert refusal(lambda: source.read(100)).fault is RecordingFault.CANCELLED
    source.close()
    assert refusal(lambda: library.open(name)).fault is RecordingFault.CANCELLED
    assert refusal(lambda: library.beside(name, "a")).fault is RecordingFault.CANCELLED


def test_closing_a_stretch_ends_requests_that_hang(site: HttpServer, shelf: Path, tmp_path: Path) -> None:
    library = WebLibrary(AddressPolicy(True), PATIENT, tmp_path)
    asked = threading.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.sleep(3600)
        raise AssertionError

    site.handle("ts/hanging.ts", hang)
    playlist = (shelf / "ts" / "play.m3u8").read_text().replace("play4.ts", "hanging.ts")
    recording = open_recording(library, site.content("ts/hangs.m3u8", playlist.encode()))
    began_s = time.monotonic()
    with closing(stretches(recording, library, 6, 20)) as found:
        stretch = next(found)
        assert asked.wait(10)
        closer = threading.Timer(0.1, stretch.source.close)
        closer.start()
        assert refusal(lambda: whole(stretch.source)).fault is RecordingFault.CANCELLED
        closer.join()
    assert time.monotonic() - began_s < 15
    # The library serves others on.
    assert content(library, site.url("ts/play0.ts"))
