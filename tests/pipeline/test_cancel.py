"""Ending what FFmpeg waits for, from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import av.container.core
import pytest

from pipeline.interrupt import INTERRUPT
from pipeline.readers import UrlReader
from tests.support.listening import PATIENCE_S, PATIENT, Heard, listen, url_reader
from tests.support.media_server import (
    HttpServer,
    RtmpServer,
    SilentServer,
    paced,
    recorded_hls,
    wait_until,
)


def test_pyav_still_asks_the_clock_that_we_replaced() -> None:
    # PyAV's interrupt callback looks `time.monotonic` up in its module at each call. If an update ends that,
    # the tests below hang instead of ending at once, and streams could not be stopped any more.
    assert vars(av.container.core)["time"] is INTERRUPT


def cancelled_when(reader: UrlReader, stalls: Callable[[], bool]) -> Heard:
    """Read in a thread, cancel when it stalls, as far as one can tell; return what was heard."""
    heard: list[Heard] = []
    thread = threading.Thread(target=lambda: heard.append(listen(reader)), daemon=True)
    thread.start()
    wait_until(stalls, "the reading to stall")
    # It may still be on its way into the call that waits; if so it does not wait long.
    time.sleep(0.3)
    assert thread.is_alive(), "there is something to cancel"
    reader.cancel()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "cancelling ends the thread"
    return heard[0]


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_cancel_while_opening(scheme: str) -> None:
    with SilentServer() as silent:
        reader = url_reader(f"{scheme}://127.0.0.1:{silent.port}/live/x", PATIENT)
        heard = cancelled_when(reader, lambda: True)
    assert heard.error is None


def test_cancel_while_rtmp_stalls(wav: Path) -> None:
    with RtmpServer(wav, realtime=True) as rtmp:
        reader = url_reader(rtmp.url, PATIENT)

        def paused() -> bool:
            if reader.progress.heard_s == 0:
                return False
            rtmp.pause()
            return True

        heard = cancelled_when(reader, paused)
    assert heard.error is None
    assert heard.seconds > 0.2


def test_cancel_while_http_stalls(server: HttpServer, flv_bytes: bytes) -> None:
    url = server.stream("stall.flv", paced(flv_bytes[:60_000], 0, then_hang=True))
    reader = url_reader(url, PATIENT)
    heard = cancelled_when(reader, lambda: reader.progress.heard_s > 1)
    assert heard.error is None


def test_cancel_while_live_hls_waits_for_more(wav: Path, folder: Path, server: HttpServer) -> None:
    playlist = recorded_hls(wav, folder / "waiting")
    playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST", "").replace("VOD", "EVENT"))
    reader = url_reader(server.url("waiting/recording.m3u8"), PATIENT)
    heard = cancelled_when(reader, lambda: reader.progress.heard_s > 1)
    assert heard.error is None


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
