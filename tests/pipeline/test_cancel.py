"""Ending what FFmpeg waits for, from another thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av.container.core
import pytest

from pipeline.interrupt import INTERRUPT
from pipeline.readers import UrlReader
from tests.support.listening import Heard, listen, url_reader
from tests.support.media_server import (
    HttpServer,
    RtmpServer,
    SilentServer,
    paced,
    recorded_hls,
)


def test_pyav_still_asks_the_clock_that_we_replaced() -> None:
    # PyAV's interrupt callback looks `time.monotonic` up in its module at each call. If an update ends that,
    # the tests below hang instead of ending at once, and streams could not be stopped any more.
    assert vars(av.container.core)["time"] is INTERRUPT


def cancelled_after(reader: UrlReader, wait_s: float) -> tuple[Heard, float]:
    """Read in a thread, cancel; return what was heard and how long it took to end."""
    heard: list[Heard] = []
    thread = threading.Thread(target=lambda: heard.append(listen(reader)), daemon=True)
    thread.start()
    time.sleep(wait_s)
    assert thread.is_alive(), "there is something to cancel"
    began_at = time.monotonic()
    reader.cancel()
    thread.join(10)
    assert not thread.is_alive(), "cancelling ends the thread"
    return heard[0], time.monotonic() - began_at


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_cancel_while_opening(scheme: str) -> None:
    with SilentServer() as silent:
        heard, took_s = cancelled_after(url_reader(f"{scheme}://127.0.0.1:{silent.port}/live/x"), 0.4)
    assert heard.error is None
    assert took_s < 2


def test_cancel_while_rtmp_stalls(wav: Path) -> None:
    with RtmpServer(wav, realtime=True) as rtmp:
        reader = url_reader(rtmp.url)
        pausing = threading.Timer(1.2, rtmp.pause)
        pausing.start()
        heard, took_s = cancelled_after(reader, 2.0)
        pausing.join()
    assert heard.error is None
    assert heard.seconds > 0.2
    assert took_s < 2


def test_cancel_while_http_stalls(server: HttpServer, flv_bytes: bytes) -> None:
    url = server.stream("stall.flv", paced(flv_bytes[:60_000], 0, then_hang=True))
    heard, took_s = cancelled_after(url_reader(url), 0.8)
    assert heard.error is None
    assert heard.seconds > 1
    assert took_s < 2


def test_cancel_while_live_hls_waits_for_more(wav: Path, folder: Path, server: HttpServer) -> None:
    playlist = recorded_hls(wav, folder / "waiting")
    playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST", "").replace("VOD", "EVENT"))
    heard, took_s = cancelled_after(url_reader(server.url("waiting/recording.m3u8")), 1.0)
    assert heard.error is None
    assert heard.seconds > 1
    assert took_s < 2


def test_cancel_before_the_beginning_and_twice(server: HttpServer, flv_bytes: bytes) -> None:
    url = server.stream("fine.flv", paced(flv_bytes, 0))
    reader = url_reader(url)
    reader.cancel()
    reader.cancel()
    heard = listen(reader)
    assert (heard.blocks, heard.error) == ([], None)
    # The thread's number is free again: a cancelled reader does not disturb the next one in this thread.
    assert listen(url).seconds == pytest.approx(18, abs=0.15)


def test_a_reader_that_was_cancelled_in_the_middle_leaves_its_thread_usable(wav: Path) -> None:
    with RtmpServer(wav) as rtmp:
        reader = url_reader(rtmp.url)
        for _ in reader.blocks():
            reader.cancel()
    with RtmpServer(wav) as rtmp:
        assert listen(rtmp.url).seconds == pytest.approx(18, abs=0.15)
