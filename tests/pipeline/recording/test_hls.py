"""What playlists say, and what is made of it."""

from __future__ import annotations

import gc
import time

import pytest

from pipeline.recording.hls import read_hls
from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Header,
    Key,
    Recording,
    RecordingError,
    RecordingFault,
    Segment,
)
from tests.support.folder_library import FolderLibrary

MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="low",NAME="a",URI="low.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="high",NAME="s",DEFAULT=YES,URI="words.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="high",NAME="b",URI="other.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="high",NAME="c",DEFAULT=YES,AUTOSELECT=YES,URI="sound/play.m3u8"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000000,URI="frames.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=300000,AUDIO="low"
small.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=5000000,CODECS="avc1.4d401f,mp4a.40.2",AUDIO="high"
film/play.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=900000
middle.m3u8
"""


def playlist(*lines: str) -> str:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:2", *lines]) + "\n"


def parsed(library: FolderLibrary, *lines: str, name: str = "play.m3u8") -> Recording:
    write(library, name, playlist(*lines))
    return read_hls(library, name)


def write(library: FolderLibrary, name: str, text: str) -> None:
    file = library.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def refusal(library: FolderLibrary, *lines: str) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        parsed(library, *lines)
    return caught.value.fault


def test_a_plain_playlist(own: FolderLibrary) -> None:
    recording = parsed(
        own, "#EXTINF:2.5,", "a.ts", "", "# a comment", "#EXTINF:1,title", "sub/b.ts", "#EXT-X-ENDLIST"
    )
    assert recording == Recording(Container.MPEGTS, (Segment("a.ts", 0, 2.5), Segment("sub/b.ts", 2.5, 1.0)))
    assert recording.duration_s == 3.5


def test_a_playlist_that_is_still_growing(own: FolderLibrary) -> None:
    assert parsed(own, "#EXTINF:2,", "a.ts", "#EXTINF:2,").duration_s == 2


def test_windows_lines_and_a_byte_order_mark(own: FolderLibrary) -> None:
    text = "\ufeff" + playlist("#EXTINF:2,", "a.ts").replace("\n", "\r\n")
    (own.folder / "play.m3u8").write_bytes(text.encode())
    assert read_hls(own, "play.m3u8").segments == (Segment("a.ts", 0, 2),)


def test_names_are_relative_to_the_playlist(own: FolderLibrary) -> None:
    recording = parsed(own, "#EXTINF:2,", "a.ts", "#EXTINF:2,", "../b/c.ts", name="x/y/play.m3u8")
    assert [each.name for each in recording.segments] == ["x/y/a.ts", "x/b/c.ts"]


def test_byte_ranges(own: FolderLibrary) -> None:
    recording = parsed(
        own,
        *('#EXT-X-MAP:URI="all.mp4",BYTERANGE="700@0"', "#EXT-X-BYTERANGE:100@700", "#EXTINF:2,", "all.mp4"),
        *("#EXTINF:2,", "#EXT-X-BYTERANGE:50", "all.mp4", "#EXTINF:2,", "#EXT-X-BYTERANGE:5@0", "b.mp4"),
        *("#EXTINF:2,", "#EXT-X-BYTERANGE:7", "b.mp4"),
    )
    assert [each.span for each in recording.segments] == [
        *(ByteSpan(700, 800), ByteSpan(800, 850), ByteSpan(0, 5), ByteSpan(5, 12)),
    ]
    assert {each.header for each in recording.segments} == {Header("all.mp4", ByteSpan(0, 700))}
    assert recording.container is Container.MP4


def test_changing_maps_gaps_and_discontinuities(own: FolderLibrary) -> None:
    recording = parsed(
        own,
        *('#EXT-X-MAP:URI="one.mp4"', "#EXT-X-DISCONTINUITY", "#EXTINF:2,", "a.m4s"),
        *("#EXT-X-GAP", "#EXTINF:2,", "b.m4s", "#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="two.mp4"'),
        *("#EXTINF:2,", "c.m4s", "#EXTINF:2,", "d.m4s"),
    )
    facts = [(each.header, each.run, each.missing) for each in recording.segments]
    one, two = Header("one.mp4"), Header("two.mp4")
    assert facts == [(one, 0, False), (one, 0, True), (two, 1, False), (two, 1, False)]


@pytest.mark.parametrize(
    ("date", "begins_at"),
    [
        ("2026-11-21T12:00:04.500Z", 1795262402.5),
        ("2026-11-21T14:00:04.500+02:00", 1795262402.5),
        ("2026-11-21T12:00:04.5", 1795262402.5),
        ("yesterday", None),
        ("", None),
    ],
)
def test_when_it_began(date: str, begins_at: float | None, own: FolderLibrary) -> None:
    lines = ("#EXTINF:2,", "a.ts", f"#EXT-X-PROGRAM-DATE-TIME:{date}", "#EXTINF:2,", "b.ts")
    assert parsed(own, *lines).begins_at == begins_at


def test_times_of_day_on_both_sides_of_an_interruption(own: FolderLibrary) -> None:
    def dated(second: float) -> str:
        return f"#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:{second:06.3f}Z"

    recording = parsed(
        own,
        *("#EXTINF:2,", "a.ts", dated(2.1), "#EXTINF:2,", "b.ts", dated(4), "#EXTINF:2,", "c.ts"),
        *("#EXT-X-DISCONTINUITY", dated(36), "#EXTINF:2,", "d.ts", dated(38), "#EXTINF:2,", "e.ts"),
    )
    began = 1795262400.1
    assert recording.begins_at == pytest.approx(began, abs=1e-6)
    assert len(recording.dates) == 2
    for second, place_s in (
        (-1, -1),
        (0, 0),
        (5.5, 5.5),
        (6.5, 6),
        (20, 6),
        (36, 6.1),
        (39, 9.1),
        (60, 30.1),
    ):
        assert recording.place_s(began + second) == pytest.approx(place_s, abs=1e-3)


def test_without_a_date_no_time_of_day_is_known(own: FolderLibrary) -> None:
    recording = parsed(own, "#EXTINF:2,", "a.ts")
    assert recording.place_s(1795262400) is None


def test_keys(own: FolderLibrary) -> None:
    recording = parsed(
        own,
        *("#EXT-X-MEDIA-SEQUENCE:258", "#EXTINF:2,", "a.ts", '#EXT-X-KEY:METHOD=AES-128,URI="k/1"'),
        *("#EXTINF:2,", "b.ts", '#EXT-X-KEY:METHOD=AES-128,URI="k/2",IV=0X00ff,KEYFORMAT="identity"'),
        *("#EXTINF:2,", "c.ts", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:2,", "d.ts"),
    )
    assert [each.key for each in recording.segments] == [
        *(None, Key("k/1", (259).to_bytes(16, "big")), Key("k/2", (255).to_bytes(16, "big")), None),
    ]


@pytest.mark.parametrize(
    "key",
    [
        'METHOD=SAMPLE-AES,URI="k"',
        'METHOD=AES-128,URI="k",KEYFORMAT="com.apple.streamingkeydelivery"',
        'URI="k"',
    ],
)
def test_other_encryption(key: str, own: FolderLibrary) -> None:
    assert refusal(own, f"#EXT-X-KEY:{key}", "#EXTINF:2,", "a.ts") is RecordingFault.UNSUPPORTED


def test_the_best_variant_with_its_sound(own: FolderLibrary) -> None:
    write(own, "master.m3u8", MASTER)
    write(
        own, "film/play.m3u8", playlist("#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00Z", "#EXTINF:2,", "v.ts")
    )
    write(own, "sound/play.m3u8", playlist("#EXTINF:2,", "a.aac"))
    recording = read_hls(own, "master.m3u8")
    assert [each.name for each in recording.segments] == ["film/v.ts"]
    assert recording.sound is not None
    assert recording.sound.segments == (Segment("sound/a.aac", 0, 2),)
    assert recording.begins_at == recording.sound.begins_at == 1795262400


def test_the_sound_lies_where_its_dates_say(own: FolderLibrary) -> None:
    write(own, "master.m3u8", MASTER)
    for name, second in (("film", 0), ("sound", 4)):
        date = f"#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:0{second}Z"
        write(own, f"{name}/play.m3u8", playlist(date, "#EXTINF:2,", "a.ts"))
    recording = read_hls(own, "master.m3u8")
    assert recording.sound is not None
    assert recording.sound.segments[0].start_s == 4
    assert recording.sound.begins_at == recording.begins_at == 1795262400


def test_without_the_picture_its_playlist_is_not_read(own: FolderLibrary) -> None:
    write(own, "master.m3u8", MASTER)
    write(own, "sound/play.m3u8", playlist("#EXTINF:2,", "a.aac"))
    recording = read_hls(own, "master.m3u8", picture=False)
    assert recording.sound is None
    assert recording.segments[0].name == "sound/a.aac"
    assert own.opened == ["master.m3u8", "sound/play.m3u8"]


def test_sound_that_is_packed_with_the_picture(own: FolderLibrary) -> None:
    write(own, "master.m3u8", MASTER.replace(',URI="sound/play.m3u8"', ""))
    write(own, "film/play.m3u8", playlist("#EXTINF:2,", "v.ts"))
    for picture in (True, False):
        recording = read_hls(own, "master.m3u8", picture=picture)
        assert recording.segments[0].name == "film/v.ts"
        assert recording.sound is None


def test_playlists_of_playlists_of_playlists(own: FolderLibrary) -> None:
    for inner in ("film/play.m3u8", "sound/play.m3u8"):
        write(own, inner, MASTER)
    write(own, "master.m3u8", MASTER)
    for picture in (True, False):
        with pytest.raises(RecordingError) as caught:
            read_hls(own, "master.m3u8", picture=picture)
        assert caught.value.fault is RecordingFault.INVALID
    assert len(own.opened) <= 4


def test_a_playlist_that_leads_to_itself(own: FolderLibrary) -> None:
    write(own, "play.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nplay.m3u8\n")
    with pytest.raises(RecordingError):
        read_hls(own, "play.m3u8")
    assert len(own.opened) == 2


@pytest.mark.parametrize("duration", ["0", "0.0", "86400"])
def test_odd_durations(duration: str, own: FolderLibrary) -> None:
    recording = parsed(own, f"#EXTINF:{duration},", "a.ts", "#EXTINF:2,", "b.ts")
    assert recording.segments[1].start_s == float(duration)


@pytest.mark.parametrize("duration", ["nan", "NaN", "inf", "-1", "1e300", "86401", "", "two", "0x10"])
def test_durations_that_cannot_be(duration: str, own: FolderLibrary) -> None:
    assert refusal(own, f"#EXTINF:{duration},", "a.ts") is RecordingFault.INVALID


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("#EXT-X-ENDLIST",),
        ("#EXTINF:2,",),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1",),
        ("#EXT-X-BYTERANGE:5@0", "a.ts"),
        *(
            (f"#EXT-X-BYTERANGE:{text}", "#EXTINF:2,", "a.ts")
            for text in ("-5@0", "5@-5", "0@0", "x", "9" * 30, "")
        ),
        ("#EXT-X-MAP:", "#EXTINF:2,", "a.ts"),
        ('#EXT-X-MAP:URI=""', "#EXTINF:2,", "a.ts"),
        ('#EXT-X-MAP:URI="m",BYTERANGE="-1@3"', "#EXTINF:2,", "a.ts"),
        ("#EXT-X-MEDIA-SEQUENCE:many", "#EXTINF:2,", "a.ts"),
        ("#EXT-X-KEY:METHOD=AES-128", "#EXTINF:2,", "a.ts"),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0xzz', "#EXTINF:2,", "a.ts"),
        ("#EXTINF:2,", "a" * 100_000),
        ("#EXTINF:2," + "t" * 10_000_000, "a.ts"),
    ],
    ids=lambda lines: "-".join(lines)[:40],
)
def test_malformed_playlists(lines: tuple[str, ...], own: FolderLibrary) -> None:
    assert refusal(own, *lines) is RecordingFault.INVALID


@pytest.mark.parametrize(
    "reference",
    ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://example.org/a.ts", "a/../../b.ts"],
)
@pytest.mark.parametrize("place", ["segment", "map", "key", "variant", "sound"])
def test_what_leads_out_of_the_library(reference: str, place: str, own: FolderLibrary) -> None:
    lines = {
        "segment": ("#EXTINF:2,", reference),
        "map": (f'#EXT-X-MAP:URI="{reference}"', "#EXTINF:2,", "a.ts"),
        "key": (f'#EXT-X-KEY:METHOD=AES-128,URI="{reference}"', "#EXTINF:2,", "a.ts"),
        "variant": ("#EXT-X-STREAM-INF:BANDWIDTH=1", reference),
        "sound": (
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{reference}"',
            *('#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"', "a.m3u8"),
        ),
    }
    assert refusal(own, *lines[place]) is RecordingFault.REFUSED
    assert own.opened == ["play.m3u8"]


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe#\x00E\x00", b"<html></html>", b"#EXTINF:2,\na.ts\n", b"\x80" * 100]
)
def test_what_is_no_playlist(content: bytes, own: FolderLibrary) -> None:
    (own.folder / "play.m3u8").write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        read_hls(own, "play.m3u8")
    assert caught.value.fault is RecordingFault.INVALID


def test_incomplete_and_key_frame_playlists(own: FolderLibrary) -> None:
    for tag in ("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", '#EXT-X-DEFINE:NAME="a",VALUE="b"', "#EXT-X-I-FRAMES-ONLY"):
        assert refusal(own, tag, "#EXTINF:2,", "a.ts") is RecordingFault.UNSUPPORTED


def test_faults_in_tags_that_nobody_needs(own: FolderLibrary) -> None:
    recording = parsed(
        own,
        *("#EXT-X-DATERANGE:", "#EXT-X-PART:DURATION=x", "#EXT-X-CUE-OUT:", "#EXT-X-START:TIME-OFFSET=x"),
        *("#EXT-X-BITRATE:x", "#EXT-X-VERSION:x", "#EXT-X-SESSION-KEY:x", "#EXTINF:2,", "a.ts"),
    )
    assert recording.duration_s == 2


def test_too_much(own: FolderLibrary) -> None:
    assert refusal(own, *(["#EXTINF:2,", "a"] * 200_001)) is RecordingFault.INVALID
    (own.folder / "play.m3u8").write_bytes(b"#EXTM3U\n" + b"#\n" * 9_000_000)
    with pytest.raises(RecordingError):
        read_hls(own, "play.m3u8")


def test_a_day_is_read_at_once(own: FolderLibrary) -> None:
    lines = []
    for number in range(43200):
        lines += [f'#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x{number:x}', "#EXTINF:2.000,", f"seg{number}.ts"]
    write(own, "play.m3u8", playlist(*lines))
    gc.collect()
    began_s = time.process_time()
    recording = read_hls(own, "play.m3u8")
    # About a second; were keys compared with each other, it would be a minute.
    assert time.process_time() - began_s < 20
    assert recording.duration_s == 86400
