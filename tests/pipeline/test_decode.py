"""Each row of what FFmpeg does with real streams and real faults."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av.container.core
import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.addresses import AddressPolicy
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.decode import BLOCK_SAMPLES, INTERRUPT
from pipeline.readers import UrlReader
from pipeline.source import SourceFault
from tests.support.flv_tags import AUDIO, corrupted, retimed, rewrite
from tests.support.listening import Heard, delay_s, likeness, listen, no_matter, url_reader
from tests.support.media_server import (
    HttpServer,
    LiveHls,
    RtmpServer,
    SilentServer,
    encode,
    ffmpeg_exe,
    flv,
    free_port,
    paced,
    recorded_hls,
)
from tests.support.speech import join, noise, tone, write_wav


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def original() -> Pcm:
    return join(noise(6, seed=3), tone(6), noise(6, seed=4))


@pytest.fixture(scope="module")
def wav(folder: Path, original: Pcm) -> Path:
    return write_wav(folder / "original.wav", original)


@pytest.fixture(scope="module")
def flv_bytes(wav: Path) -> bytes:
    return flv(wav)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[HttpServer]:
    with HttpServer(folder) as running:
        yield running


def fault(heard: Heard) -> SourceFault | None:
    return heard.error.fault if heard.error is not None else None


def video(folder: Path, name: str, *options: str) -> Path:
    """Write a film; `options` come after its picture's input."""
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=8"]
    command = [ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *picture, *options]
    target = folder / name
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(target)], check=True, timeout=60)
    return target


# What is heard is what was said.


def test_a_wav_file_is_heard_to_the_sample(wav: Path, original: Pcm) -> None:
    heard = listen(wav)
    assert heard.error is None
    assert np.array_equal(heard.pcm, original)
    assert [block.time_s for block in heard.blocks[:3]] == [0.0, 0.25, 0.5]
    assert {len(block.pcm) for block in heard.blocks} == {BLOCK_SAMPLES}
    assert heard.reader is not None
    assert not heard.reader.live


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp3", ("-ar", "44100", "-ac", "2")),
        ("a.m4a", ("-c:a", "aac", "-ar", "48000", "-ac", "2", "-movflags", "faststart")),
        ("a.ts", ("-c:a", "aac", "-ar", "44100")),
        ("a.flac", ("-ar", "44100", "-ac", "2")),
        ("a.ogg", ("-c:a", "libopus", "-ar", "48000")),
        ("a.mkv", ("-c:a", "aac", "-ar", "22050")),
    ],
)
def test_files_of_every_kind_here_and_over_http(
    name: str, options: tuple[str, ...], wav: Path, original: Pcm, folder: Path, server: HttpServer
) -> None:
    file = encode(wav, folder / name, *options)
    for heard in (listen(file), listen(server.url(name))):
        assert heard.error is None
        assert heard.seconds == pytest.approx(18, abs=0.15)
        assert likeness(heard.pcm[6 * SAMPLE_RATE_HZ :], original[6 * SAMPLE_RATE_HZ :]) > 0.8
        assert heard.reader is not None
        assert not heard.reader.live
        assert heard.jumps == []


def test_rtmp_is_live_and_breaks_off_when_the_socket_closes(wav: Path, original: Pcm) -> None:
    with RtmpServer(wav) as rtmp:
        heard = listen(rtmp.url)
    assert heard.seconds == pytest.approx(18, abs=0.15), "what came before the end is not lost"
    assert likeness(heard.pcm, original) > 0.8
    assert heard.reader is not None
    assert heard.reader.live
    assert fault(heard) is SourceFault.CANNOT_OPEN


def test_http_flv_without_a_length_is_live(server: HttpServer, flv_bytes: bytes) -> None:
    heard = listen(server.stream("live.flv", paced(flv_bytes, 0)))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    assert heard.reader is not None
    assert heard.reader.live


def test_flv_with_a_length_is_a_recording(server: HttpServer, flv_bytes: bytes) -> None:
    heard = listen(server.content("recorded.flv", flv_bytes, "video/x-flv"))
    assert heard.error is None
    assert heard.reader is not None
    assert not heard.reader.live


@pytest.mark.parametrize("encrypted", [False, True])
def test_recorded_hls(encrypted: bool, wav: Path, original: Pcm, folder: Path, server: HttpServer) -> None:
    name = f"hls-{encrypted}"
    recorded_hls(wav, folder / name, encrypted=encrypted)
    heard = listen(server.url(f"{name}/recording.m3u8"))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    assert likeness(heard.pcm, original) > 0.8
    assert heard.blocks[0].time_s == 0.0
    assert heard.reader is not None
    assert not heard.reader.live
    assert heard.reader.bursts


def test_live_hls_is_live_until_its_end_mark(wav: Path, folder: Path, server: HttpServer) -> None:
    (folder / "live").mkdir()
    short = encode(wav, folder / "short.wav", "-t", "4")
    with LiveHls(short, folder / "live", orderly_end=True):
        reader = url_reader(server.url("live/live.m3u8"))
        live = []
        seconds = 0.0
        for block in reader.blocks():
            live.append(reader.live)
            seconds += len(block.pcm) / SAMPLE_RATE_HZ
    assert live[0]
    assert not reader.live
    assert seconds == pytest.approx(4, abs=0.2)


def test_of_a_master_playlist_one_variant_is_fetched(wav: Path, folder: Path, server: HttpServer) -> None:
    for variant in ("low", "mid", "high"):
        recorded_hls(wav, folder / "variants" / variant)
    lines = ["#EXTM3U"]
    for bandwidth, variant in enumerate(("low", "mid", "high"), 1):
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={bandwidth}00000", f"{variant}/recording.m3u8"]
    (folder / "variants" / "master.m3u8").write_text("\n".join(lines) + "\n")
    server.requested.clear()
    heard = listen(server.url("variants/master.m3u8"))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    late = [path for path in server.requested if path.endswith(("4.ts", "5.ts", "6.ts"))]
    assert len({path.split("/")[2] for path in late}) == 1


# Changes in mid-stream.


def test_another_rate_and_other_channels(wav: Path, folder: Path) -> None:
    stereo = encode(wav, folder / "stereo.mp3", "-ar", "44100", "-ac", "2")
    mono = encode(wav, folder / "mono.mp3", "-ar", "22050", "-ac", "1")
    both = folder / "both.mp3"
    both.write_bytes(stereo.read_bytes() + mono.read_bytes())
    heard = listen(both)
    assert heard.error is None
    assert heard.seconds == pytest.approx(36, abs=0.3)
    # The tone keeps its pitch: nothing was taken for audio of another rate.
    for second in (8, 26):
        piece = heard.pcm[second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ].astype(float)
        assert abs(int(np.abs(np.fft.rfft(piece)).argmax()) - 440) <= 1


@pytest.mark.parametrize("by_ms", [5000, -3000, 2**31])
def test_a_discontinuity_shows_in_the_time(by_ms: int, server: HttpServer, flv_bytes: bytes) -> None:
    heard = listen(server.stream("jump.flv", paced(retimed(flv_bytes, 5000, by_ms), 0)))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    ((goes_on_s, jumps_to_s),) = heard.jumps
    assert goes_on_s == pytest.approx(5.0, abs=0.05)
    assert jumps_to_s == pytest.approx(5.0 + by_ms / 1000, abs=0.05)


def test_time_stamps_that_jitter_tear_nothing_apart(server: HttpServer, flv_bytes: bytes) -> None:
    late_ms = np.random.default_rng(7).integers(0, 200, 10_000).tolist()
    content = rewrite(flv_bytes, lambda tag: replace(tag, time_ms=tag.time_ms + late_ms.pop()))
    heard = listen(server.stream("jitter.flv", paced(content, 0)))
    assert heard.error is None
    assert heard.seconds == pytest.approx(18, abs=0.15)
    assert len(heard.jumps) <= 2


def test_a_small_shift_that_stays_is_believed(server: HttpServer, flv_bytes: bytes) -> None:
    heard = listen(server.stream("shift.flv", paced(retimed(flv_bytes, 5000, 200), 0)))
    ((goes_on_s, jumps_to_s),) = heard.jumps
    assert 5 < goes_on_s < 6.5
    assert jumps_to_s - goes_on_s == pytest.approx(0.2, abs=0.03)


def test_undecodable_packets_are_a_gap_and_are_told(server: HttpServer, flv_bytes: bytes) -> None:
    counts: list[int] = []
    url = server.stream("corrupt.flv", paced(corrupted(flv_bytes, 5000, 8000), 0))
    heard = listen(UrlReader(url, AddressPolicy(True), NetworkSettings(), counts.append))
    assert heard.error is None
    assert heard.seconds == pytest.approx(15, abs=0.15)
    ((goes_on_s, jumps_to_s),) = heard.jumps
    assert goes_on_s == pytest.approx(5, abs=0.1)
    assert jumps_to_s == pytest.approx(8, abs=0.1)
    assert counts == [1], "a burst is told once a second"
    assert heard.reader is not None
    assert heard.reader.progress.bad_packets > 100


def test_nothing_but_undecodable_packets_is_given_up(server: HttpServer, flv_bytes: bytes) -> None:
    began_at = time.monotonic()
    body = paced(corrupted(flv_bytes, 1000, 10**9), 6, then_hang=True)
    heard = listen(server.stream("broken.flv", body))
    assert fault(heard) is SourceFault.INVALID_DATA
    assert heard.seconds == pytest.approx(1, abs=0.15)
    assert time.monotonic() - began_at < 30


def test_missing_and_bad_segments_are_gaps(wav: Path, folder: Path, server: HttpServer) -> None:
    playlist = recorded_hls(wav, folder / "holes")
    (playlist.parent / "recording2.ts").unlink()
    (playlist.parent / "recording5.ts").write_bytes(b"\x01\x02" * 9000)
    heard = listen(server.url("holes/recording.m3u8"))
    assert heard.error is None
    assert heard.seconds == pytest.approx(14, abs=0.2)
    assert [(round(a), round(b)) for a, b in heard.jumps] == [(4, 6), (10, 12)]


def test_a_recording_whose_end_is_missing_does_not_end_quietly(
    wav: Path, folder: Path, server: HttpServer
) -> None:
    playlist = recorded_hls(wav, folder / "cut")
    for segment in sorted(playlist.parent.glob("*.ts"))[5:]:
        segment.unlink()
    heard = listen(server.url("cut/recording.m3u8"))
    assert heard.seconds == pytest.approx(10, abs=0.2)
    assert fault(heard) is SourceFault.CANNOT_OPEN


# Joining a recording in the middle.


@pytest.mark.parametrize("name", ["seek.m4a", "seek.mp3", "seek.wav"])
def test_a_file_is_read_from_about_a_place(name: str, wav: Path, folder: Path, original: Pcm) -> None:
    heard = listen(encode(wav, folder / name), 12.0)
    assert heard.error is None
    assert 6 < heard.blocks[0].time_s <= 12
    assert heard.end_s == pytest.approx(18, abs=0.15)
    # Time is true: the audio lies where it lay, but for the codec's delay.
    assert abs(delay_s(heard.pcm, original[round(heard.blocks[0].time_s * SAMPLE_RATE_HZ) :])) < 0.1


def test_an_hls_recording_is_read_from_about_a_place(wav: Path, folder: Path, server: HttpServer) -> None:
    recorded_hls(wav, folder / "seek")
    server.requested.clear()
    heard = listen(server.url("seek/recording.m3u8"), 15.0)
    assert heard.error is None
    assert 6 < heard.blocks[0].time_s <= 15
    assert heard.end_s == pytest.approx(18, abs=0.15)
    assert "/seek/recording2.ts" not in server.requested


# What cannot be opened, and why.


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", SourceFault.INVALID_DATA),
        (b"<html><body>Not here</body></html>" * 50, SourceFault.INVALID_DATA),
        (np.random.default_rng(1).bytes(200_000), SourceFault.INVALID_DATA),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", SourceFault.INVALID_DATA),
    ],
    ids=["nothing", "html", "noise", "empty playlist"],
)
def test_garbage(content: bytes, expected: SourceFault, server: HttpServer, folder: Path) -> None:
    assert fault(listen(server.content("garbage", content))) is expected
    (folder / "garbage").write_bytes(content)
    local = listen(folder / "garbage")
    assert fault(local) is expected
    assert local.error is not None
    assert not local.error.retryable


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, SourceFault.NOT_AUTHORISED),
        (403, SourceFault.CANNOT_OPEN),
        (404, SourceFault.CANNOT_OPEN),
        (500, SourceFault.CANNOT_OPEN),
    ],
)
@pytest.mark.parametrize("suffix", ["flv", "m3u8"])
def test_http_statuses(status: int, expected: SourceFault, suffix: str, server: HttpServer) -> None:
    url = server.status(f"status.{suffix}", status) + "?token=geheim"
    heard = listen(url)
    assert fault(heard) is expected
    assert "geheim" not in str(heard.error)


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_nobody_listens(scheme: str) -> None:
    heard = listen(f"{scheme}://127.0.0.1:{free_port()}/live/secretkey")
    assert fault(heard) is SourceFault.CANNOT_OPEN
    assert "secretkey" not in str(heard.error)


def test_a_server_that_does_not_speak_rtmp(server: HttpServer) -> None:
    heard = listen(f"rtmp://127.0.0.1:{server.port}/live/secretkey")
    assert fault(heard) in (SourceFault.CANNOT_OPEN, SourceFault.INVALID_DATA)


def test_a_film_without_sound(folder: Path, server: HttpServer) -> None:
    silent = video(folder, "silent.flv")
    assert fault(listen(silent)) is SourceFault.NO_AUDIO
    assert fault(listen(server.url("silent.flv"))) is SourceFault.NO_AUDIO


def test_sound_that_is_announced_and_does_not_come(folder: Path, wav: Path, server: HttpServer) -> None:
    film = video(folder, "sound.flv", "-i", str(wav), "-c:a", "aac", "-t", "8")
    mute = rewrite(film.read_bytes(), lambda tag: tag if tag.kind != AUDIO or tag.is_configuration else None)
    assert fault(listen(server.stream("mute.flv", paced(mute, 0)))) is SourceFault.NO_AUDIO


def test_sound_that_begins_later(folder: Path, wav: Path) -> None:
    film = video(folder, "late.flv", "-itsoffset", "3", "-i", str(wav), "-c:a", "aac", "-t", "8")
    heard = listen(film)
    assert heard.error is None
    assert heard.seconds == pytest.approx(5, abs=0.3)


def test_no_such_file(folder: Path) -> None:
    heard = listen(folder / "nothing here.wav")
    assert fault(heard) is SourceFault.CANNOT_OPEN
    assert heard.error is not None
    assert not heard.error.retryable


# Strangers' addresses reach the network only as far as the policy says.


@pytest.mark.parametrize("scheme", ["rtmp", "http"])
def test_private_addresses_are_refused_for_good(scheme: str, server: HttpServer) -> None:
    url = f"{scheme}://127.0.0.1:{server.port}/live/x"
    server.requested.clear()
    heard = listen(UrlReader(url, AddressPolicy(), NetworkSettings(), no_matter))
    assert fault(heard) is SourceFault.CANNOT_OPEN
    assert heard.error is not None
    assert not heard.error.retryable
    assert server.requested == []


@pytest.mark.parametrize("form", ["file://{}", "{}", "concat:{}", "file:{}", "data:audio/wav;base64,AAAA"])
def test_an_address_never_reads_a_file_of_this_machine(form: str, wav: Path) -> None:
    heard = listen(form.format(wav))
    assert fault(heard) is SourceFault.CANNOT_OPEN
    assert heard.blocks == []


def test_a_playlist_never_reads_a_file_of_this_machine(wav: Path, folder: Path, server: HttpServer) -> None:
    segment = encode(wav, folder / "local.ts", "-c:a", "aac")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:20", "#EXTINF:18,", f"file://{segment}", "#EXT-X-ENDLIST", ""]
    heard = listen(server.content("evil.m3u8", "\n".join(lines).encode()))
    assert heard.blocks == []
    assert heard.error is not None


# Ending what FFmpeg waits for.


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
