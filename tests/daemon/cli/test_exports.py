"""`audiowarden export` and `audiowarden extract` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.media_server import HttpServer
from tests.support.object_store import ObjectServer, object_credentials, object_server
from tests.support.recorded import RATE_HZ, chirps, film, lag, run_ffmpeg, samples, write_wave

__all__ = ["object_credentials", "object_server"]

FILM_S = 12


@pytest.fixture(name="live", scope="module")
def _live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with film.mp4 and play.m3u8."""
    folder = tmp_path_factory.mktemp("live")
    movie = film(folder / "film.mp4", write_wave(folder / "sound.wav", chirps(FILM_S)), FILM_S)
    playlist: list[str | Path] = [
        "-f",
        "hls",
        "-hls_time",
        "4",
        "-hls_playlist_type",
        "vod",
        folder / "play.m3u8",
    ]
    run_ffmpeg("-i", movie, "-c", "copy", *playlist)
    return folder


def test_a_piece_of_audio_is_exported_exactly(live: Path, tmp_path: Path) -> None:
    done = run(
        "export", str(live / "play.m3u8"), "a.flac", "--start", "0:05", "--duration", "3.5", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a.flac: 3.500 s from 5.000 s on\n"
    heard = samples(tmp_path / "a.flac", RATE_HZ)
    behind, likeness = lag(heard, chirps(FILM_S)[5 * RATE_HZ :][: len(heard)])
    assert likeness > 0.97
    assert abs(behind) / RATE_HZ < 0.002
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"], "nothing else is left"
    again = run("export", str(live / "play.m3u8"), "a.flac", cwd=tmp_path)
    assert again.returncode == 1
    assert again.stderr.strip() == "audiowarden: a.flac exists: choose another target, or --overwrite it"


def test_video_comes_from_an_address_and_goes_into_a_bucket(
    live: Path, object_server: ObjectServer, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"[storage.s3]\nendpoint_url = '{object_server.url}'\nregion = 'us-east-1'\n")
    with HttpServer(live) as server:
        done = run(
            *("export", server.url("play.m3u8"), "s3://recordings/out/b.mp4", "--start", "2", "--to", "mp4"),
            *("--config", str(config)),
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    path = tmp_path / "b.mp4"
    path.write_bytes(object_server.get("out/b.mp4"))
    assert len(samples(path, RATE_HZ)) / RATE_HZ == pytest.approx(FILM_S - 2, abs=0.1)
    picture = run(
        "export", "s3://recordings/out/b.mp4", "c.jpg", "--start", "1", "-c", str(config), cwd=tmp_path
    )
    assert picture.returncode == 0, picture.stderr
    assert (tmp_path / "c.jpg").read_bytes().startswith(b"\xff\xd8")


def test_a_playlist_names_what_the_span_needs(live: Path, tmp_path: Path) -> None:
    done = run("export", str(live / "play.m3u8"), "d.m3u8", "--start", "9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "d.m3u8").read_text())
    assert [line for line in document["m3u8"].splitlines() if line[0] != "#"] == ["/play2.ts"]


@pytest.mark.parametrize(("name", "to"), [("e.mp3", None), ("e.m4a", None), ("e.bin", "aac")])
def test_all_the_audio_is_extracted(name: str, to: str | None, live: Path, tmp_path: Path) -> None:
    done = run("extract", str(live / "film.mp4"), name, *(["--to", to] if to else []), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(samples(tmp_path / name, RATE_HZ)) / RATE_HZ == pytest.approx(FILM_S, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.m3u8", "a.mp3"), "none.m3u8: no such file or directory"),
        (("{live}/play.m3u8", "a.xyz"), "a.xyz does not end with a format's suffix: name one with --format"),
        (("{live}/play.m3u8", "a.mp3", "--to", "avi"), "avi is no format; known: flac, wav, mp3"),
        (("{live}/play.m3u8", "a.mp3", "--start", "soon"), "soon is no time: write seconds, m:ss or h:mm:ss"),
        (("{live}/play.m3u8", "a.mp3", "--duration", "0"), "the duration should be more than 0"),
        (("{live}/play.m3u8", "a.mp3", "--start", "99"), "the span begins 99.000 s after the beginning"),
        (("{live}/play.m3u8", "none/a.mp3"), "none/a.mp3: there is no such folder"),
        (("{live}", "a.mp3"), "{live} is a folder, not a file"),
        (("ftp://a/b", "a.mp3"), "ftp://a/b should be a file or s3://BUCKET/KEY"),
        (("s3://bucket", "a.mp3"), "s3://bucket should be s3://BUCKET/KEY"),
        (("{live}/play.m3u8", "http://a/b.mp3"), "http://a/b.mp3 should be a file or s3://BUCKET/KEY"),
    ],
)
def test_mistakes_are_one_sentence(arguments: tuple[str, ...], said: str, live: Path, tmp_path: Path) -> None:
    done = run("export", *(each.format(live=live) for each in arguments), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"audiowarden: {said.format(live=live)}"), done.stderr
    assert done.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []
