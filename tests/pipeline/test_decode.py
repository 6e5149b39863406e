"""What is heard of real streams, and what FFmpeg does when they change or break."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.settings import NetworkSettings
from pipeline.audio import SAMPLE_RATE_HZ, Pcm
from pipeline.network.addresses import AddressPolicy
from pipeline.readers import UrlReader
from pipeline.shaper import BLOCK_S
from pipeline.source import SourceFault
from tests.support.flv_tags import corrupted, retimed, rewrite
from tests.support.listening import delay_s, likeness, listen, url_reader
from tests.support.media_server import (
    HttpServer,
    RtmpServer,
    encode,
    paced,
    recorded_hls,
)
from tests.support.speech import noise, write_wav

# What is heard is what was said.


def test_a_wav_file_is_heard_to_the_sample(wav: Path, original: Pcm) -> None:
    heard = listen(wav)
    assert heard.error is None
    assert np.array_equal(heard.pcm, original)
    assert [block.time_s for block in heard.blocks[:3]] == [0.0, BLOCK_S, 2 * BLOCK_S]
    assert {len(block.pcm) for block in heard.blocks} == {round(BLOCK_S * SAMPLE_RATE_HZ)}
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
    assert heard.fault is SourceFault.CANNOT_OPEN


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
    whole = recorded_hls(wav, folder / "live").read_text()
    # Segments of two seconds: at first there are two of them.
    begun = whole[: whole.index("recording2.ts")].rpartition("#EXTINF")[0].replace("VOD", "EVENT")
    url = server.content("live/live.m3u8", begun.encode())
    reader = url_reader(url)
    live = []
    seconds = 0.0
    for block in reader.blocks():
        live.append(reader.live)
        seconds += len(block.pcm) / SAMPLE_RATE_HZ
        # Somebody listens: now it goes on to its end.
        server.content("live/live.m3u8", whole.encode())
    assert live[0]
    assert not reader.live
    assert seconds == pytest.approx(18, abs=0.2)


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
    assert counts[0] == 1
    assert len(counts) < 10, "a burst is told once a second"
    assert heard.reader is not None
    assert heard.reader.progress.bad_packets > 100


def test_nothing_but_undecodable_packets_is_given_up(server: HttpServer, flv_bytes: bytes) -> None:
    body = paced(corrupted(flv_bytes, 1000, 10**9), 6, then_hang=True)
    heard = listen(server.stream("broken.flv", body))
    assert heard.fault is SourceFault.INVALID_DATA
    assert heard.seconds == pytest.approx(1, abs=0.15)


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
    assert heard.fault is SourceFault.CANNOT_OPEN


# Joining a recording in the middle.


@pytest.mark.parametrize("name", ["seek.m4a", "seek.mp3", "seek.wav"])
def test_a_file_is_read_from_about_a_place(name: str, wav: Path, folder: Path, original: Pcm) -> None:
    heard = listen(encode(wav, folder / name), 12.0)
    assert heard.error is None
    assert 6 < heard.blocks[0].time_s <= 12
    assert heard.end_s == pytest.approx(18, abs=0.15)
    # Time is true: the audio lies where it lay, but for the codec's delay.
    assert abs(delay_s(heard.pcm, original[round(heard.blocks[0].time_s * SAMPLE_RATE_HZ) :])) < 0.1


@pytest.mark.parametrize("seconds", [3.0, 18.0])
def test_nothing_is_wrong_with_a_place_behind_the_end(seconds: float, folder: Path) -> None:
    heard = listen(write_wav(folder / f"ended-{seconds:g}.wav", noise(seconds)), 60.0)
    assert heard.error is None
    assert heard.end_s == pytest.approx(seconds, abs=0.01)


def test_an_hls_recording_is_read_from_about_a_place(wav: Path, folder: Path, server: HttpServer) -> None:
    recorded_hls(wav, folder / "seek")
    server.requested.clear()
    heard = listen(server.url("seek/recording.m3u8"), 15.0)
    assert heard.error is None
    assert 6 < heard.blocks[0].time_s <= 15
    assert heard.end_s == pytest.approx(18, abs=0.15)
    assert "/seek/recording2.ts" not in server.requested
