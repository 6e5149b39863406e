"""What manifests say, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.recording.dash import read_dash
from pipeline.recording.gaps import Gap, Gaps
from pipeline.recording.recording import (
    ByteSpan,
    Container,
    Header,
    Recording,
    RecordingError,
    RecordingFault,
)
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.media_server import encode
from tests.support.recordings import expected, make_dash, tones_of

BEGAN = 1795262400.0
AUDIO = '<AdaptationSet mimeType="audio/mp4"><Representation id="a1">{}</Representation></AdaptationSet>'
TEMPLATE = (
    '<SegmentTemplate timescale="10" media="$Number$.m4s" initialization="i.mp4" {}>{}</SegmentTemplate>'
)


def template(attributes: str = 'duration="20"', inside: str = "") -> str:
    return AUDIO.format(TEMPLATE.format(attributes, inside))


def mpd(*periods: str, attributes: str = 'mediaPresentationDuration="PT10S"', before: str = "") -> str:
    inside = "".join(each if each.startswith("<Period") else f"<Period>{each}</Period>" for each in periods)
    return (
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}>{before}{inside}</MPD>'
    )


def parsed(library: FolderLibrary, text: str, *, now: float = BEGAN, picture: bool = True) -> Recording:
    (library.folder / "stream.mpd").write_text(text)
    return read_dash(library, "stream.mpd", picture=picture, now=lambda: now)


def refusal(act: Callable[[], object]) -> RecordingFault:
    with pytest.raises(RecordingError) as caught:
        act()
    return caught.value.fault


def names(recording: Recording) -> list[str]:
    return [each.name for each in recording.segments]


def times(recording: Recording) -> list[tuple[float, float]]:
    return [(each.start_s, each.duration_s) for each in recording.segments]


def test_numbers_of_equal_segments(own: FolderLibrary) -> None:
    recording = parsed(own, mpd(template('duration="40" startNumber="7"')))
    assert names(recording) == ["7.m4s", "8.m4s", "9.m4s"]
    assert times(recording) == [(0, 4), (4, 4), (8, 4)]
    assert recording.container is Container.MP4
    assert {each.header for each in recording.segments} == {Header("i.mp4")}


def test_the_last_number(own: FolderLibrary) -> None:
    recording = parsed(own, mpd(template('duration="20" startNumber="3" endNumber="4"')))
    assert names(recording) == ["3.m4s", "4.m4s"]


def test_a_timeline(own: FolderLibrary) -> None:
    rows = '<S t="1000" d="20" r="1"/><S d="30"/><S t="1100" d="20" r="-1"/>'
    inside = template('presentationTimeOffset="1000"', f"<SegmentTimeline>{rows}</SegmentTimeline>")
    text = mpd(inside, attributes='mediaPresentationDuration="PT14S"')
    recording = parsed(own, text.replace("$Number$", "$Time%06d$-$$-$Number%03d$"))
    assert names(recording) == [
        f"{time:06}-$-{number:03}.m4s"
        for number, time in ((1, 1000), (2, 1020), (3, 1040), (4, 1100), (5, 1120))
    ]
    assert times(recording) == [(0, 2), (2, 2), (4, 3), (10, 2), (12, 2)]
    assert {each.origin_s for each in recording.segments} == {-100.0}


def test_a_row_that_goes_on_until_the_next(own: FolderLibrary) -> None:
    rows = '<SegmentTimeline><S t="0" d="20" r="-1"/><S t="60" d="30" r="-1"/></SegmentTimeline>'
    recording = parsed(own, mpd(template("", rows), attributes='mediaPresentationDuration="PT12S"'))
    assert times(recording) == [(0, 2), (2, 2), (4, 2), (6, 3), (9, 3)]


def test_a_hole_in_a_timeline_is_a_gap(own: FolderLibrary) -> None:
    rows = '<SegmentTimeline><S t="0" d="20"/><S t="60" d="20"/></SegmentTimeline>'
    recording = parsed(own, mpd(template("", rows)))
    for name in ("i.mp4", "1.m4s", "2.m4s"):
        (own.folder / name).write_bytes(b"\0\0\0\x08free")
    gaps = Gaps()
    (stretch,) = stretches(recording, own, 0, 8, gaps=gaps)
    assert (stretch.start_s, stretch.duration_s) == (0, 8)
    assert gaps.all() == (Gap(2, 6),)


def test_periods_are_runs(own: FolderLibrary) -> None:
    one = f'<Period duration="PT4S">{template()}</Period>'
    inside = template('duration="30" presentationTimeOffset="50"')
    two = f'<Period start="PT4S" id="b"><BaseURL>ad/</BaseURL>{inside}</Period>'
    recording = parsed(own, mpd(one, two))
    assert names(recording) == ["1.m4s", "2.m4s", "ad/1.m4s", "ad/2.m4s"]
    assert [each.run for each in recording.segments] == [0, 0, 1, 1]
    assert times(recording) == [(0, 2), (2, 2), (4, 3), (7, 3)]
    assert [each.origin_s for each in recording.segments] == [0, 0, -1, -1]


@pytest.mark.parametrize(
    ("bases", "name"),
    [
        (("a/", "b/", "c/", "d/"), "a/b/c/d/1.m4s"),
        (("a/manifest", "", "", "d/"), "a/d/1.m4s"),
        (("x/", "", "../y/", ""), "y/1.m4s"),
        (("a/b?c=/d", "", "", ""), "a/1.m4s"),
    ],
)
def test_base_addresses(bases: tuple[str, ...], name: str, own: FolderLibrary) -> None:
    root, period, sets, representation = (f"<BaseURL>{base}</BaseURL>" if base else "" for base in bases)
    inside = template().replace("<Representation", f"{sets}<Representation")
    inside = inside.replace("<SegmentTemplate", f"{representation}<SegmentTemplate")
    assert names(parsed(own, mpd(f"<Period>{period}{inside}</Period>", before=root)))[0] == name


def test_what_outer_elements_say_holds_inside(own: FolderLibrary) -> None:
    text = mpd(
        '<SegmentTemplate timescale="10" duration="20" initialization="$RepresentationID$/i.mp4"/>'
        '<AdaptationSet contentType="audio">'
        '<SegmentTemplate startNumber="5" media="$RepresentationID$/$Number$"/>'
        '<Representation id="low" bandwidth="1"/><Representation id="high" bandwidth="2"/>'
        "</AdaptationSet>"
    )
    recording = parsed(own, text)
    assert names(recording)[:2] == ["high/5", "high/6"]
    assert recording.segments[0].header == Header("high/i.mp4")


def test_a_list_of_parts(own: FolderLibrary) -> None:
    parts = "".join(f'<SegmentURL mediaRange="{n}00-{n}99"/>' for n in (1, 2, 3))
    first = (
        '<BaseURL>all.mp4</BaseURL><SegmentList timescale="10" duration="40"><Initialization range="0-99"/>'
    )
    inside = f"{first}{parts}</SegmentList>"
    recording = parsed(own, mpd(AUDIO.format(inside)))
    assert [each.span for each in recording.segments] == [ByteSpan(n * 100, n * 100 + 100) for n in (1, 2, 3)]
    assert recording.segments[0].header == Header("all.mp4", ByteSpan(0, 100))
    assert times(recording) == [(0, 4), (4, 4), (8, 4)]


def test_an_indexed_file(own: FolderLibrary, shelf: Path) -> None:
    """A file for on-demand use has one index in front: only its subsegments of the span are fetched."""
    options = ("-movflags", "+dash+global_sidx+default_base_moof", "-frag_duration", "2000000")
    film = encode(shelf / "film.mp4", own.folder / "a.mp4", "-vn", "-c", "copy", *options)
    content = film.read_bytes()
    place = content.index(b"sidx") - 4
    size = int.from_bytes(content[place : place + 4], "big")
    base = f'<BaseURL>a.mp4</BaseURL><SegmentBase indexRange="{place}-{place + size - 1}" timescale="44100"/>'
    recording = parsed(own, mpd(AUDIO.format(base), attributes='mediaPresentationDuration="PT20S"'))
    assert len(recording.segments) == pytest.approx(10, abs=1)
    assert recording.duration_s == pytest.approx(20, abs=0.1)
    assert recording.segments[0].header == Header("a.mp4", ByteSpan(0, place))
    assert recording.segments[-1].span is not None
    opened = len(own.opened)
    assert set(expected(7, 11)) <= set(tones_of(stretches(recording, own, 7, 11.6)))
    assert len(own.opened) - opened <= 6


@pytest.mark.parametrize("cut", [0, 4, 8, 20, 30, 40])
def test_an_index_that_is_none(cut: int, own: FolderLibrary) -> None:
    sidx = b"\0\0\0\x2csidx" + bytes(4) + bytes(4) + b"\0\0\0\x0a" + bytes(8) + b"\0\0\0\x01" + bytes(12)
    (own.folder / "a.mp4").write_bytes(sidx[:cut])
    base = f'<BaseURL>a.mp4</BaseURL><SegmentBase indexRange="0-{len(sidx) - 1}"/>'
    assert refusal(lambda: parsed(own, mpd(AUDIO.format(base)))) is RecordingFault.INVALID


def test_a_file_without_an_index_is_sought_in(own: FolderLibrary, shelf: Path) -> None:
    encode(shelf / "film.mp4", own.folder / "a.mp4", "-vn", "-c", "copy")
    recording = parsed(own, mpd(AUDIO.format("<BaseURL>a.mp4</BaseURL>")))
    (stretch,) = stretches(recording, own, 7, 11)
    assert stretch.seekable
    twice = mpd(*[AUDIO.format("<BaseURL>a.mp4</BaseURL>")] * 2).replace(
        "<Period>", '<Period duration="PT5S">'
    )
    assert refusal(lambda: parsed(own, twice)) is RecordingFault.UNSUPPORTED


def test_when_it_began(own: FolderLibrary) -> None:
    attributes = 'mediaPresentationDuration="P0Y0M0DT0H0M16.5S" availabilityStartTime="2026-11-21T12:00:00Z"'
    period = f'<Period start="PT6.5S">{template()}</Period>'
    recording = parsed(own, mpd(period, attributes=attributes))
    # The timeline begins with the first media.
    assert recording.begins_at == BEGAN + 6.5
    assert recording.place_s(BEGAN + 10) == 3.5
    assert times(recording)[0] == (0, 2)
    assert recording.duration_s == 10
    assert recording.segments[0].origin_s == 0


def test_what_is_there_by_now_of_a_live_stream(own: FolderLibrary) -> None:
    attributes = 'type="dynamic" availabilityStartTime="2026-11-21T12:00:00Z"'
    assert len(parsed(own, mpd(template(), attributes=attributes), now=BEGAN + 100.9).segments) == 50
    forgetful = mpd(template(), attributes=attributes + ' timeShiftBufferDepth="PT30S"')
    recording = parsed(own, forgetful, now=BEGAN + 100.9)
    assert names(recording)[0] == "37.m4s"
    assert (recording.begins_at, recording.segments[0].start_s) == (BEGAN + 72, 0)
    rows = '<SegmentTimeline><S t="0" d="20" r="2"/></SegmentTimeline>'
    assert len(parsed(own, mpd(template("", rows), attributes=attributes), now=BEGAN + 5).segments) == 3
    assert (
        refusal(lambda: parsed(own, mpd(template(), attributes='type="dynamic"'))) is RecordingFault.INVALID
    )


def test_which_sets_are_read(own: FolderLibrary) -> None:
    def made(kind: str, name: str, inside: str = "", bandwidth: int = 1) -> str:
        each = TEMPLATE.format('duration="20"', "").replace("$Number$", f"{name}-$Number$")
        return (
            f'<AdaptationSet mimeType="{kind}/mp4">{inside}'
            f'<Representation id="r" bandwidth="{bandwidth}">{each}</Representation></AdaptationSet>'
        )

    trick = '<EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode" value="1"/>'
    main = '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>'
    text = mpd(
        made("video", "trick", trick)
        + made("audio", "comments", bandwidth=9)
        + made("text", "words")
        + made("audio", "sound", main)
        + made("video", "film")
    )
    recording = parsed(own, text)
    assert recording.sound is not None
    assert (names(recording)[0], names(recording.sound)[0]) == ("film-1.m4s", "sound-1.m4s")
    assert names(parsed(own, text, picture=False))[0] == "sound-1.m4s"
    film_only = mpd(made("video", "film"))
    for picture in (True, False):
        assert names(parsed(own, film_only, picture=picture))[0] == "film-1.m4s"
    assert refusal(lambda: parsed(own, mpd(made("text", "words")))) is RecordingFault.INVALID


@pytest.mark.parametrize(
    ("mime", "container"), [("audio/webm", Container.ANY), ("audio/mp2t", Container.MPEGTS)]
)
def test_other_containers(mime: str, container: Container, own: FolderLibrary) -> None:
    assert parsed(own, mpd(template()).replace("audio/mp4", mime)).container is container


def test_webm(own: FolderLibrary, shelf: Path) -> None:
    make_dash(
        shelf / "film.mp4", own.folder, "-vn", "-c:a", "libopus", "-ar", "48000", "-dash_segment_type", "webm"
    )
    recording = read_dash(own, "stream.mpd")
    heard = tones_of(stretches(recording, own, 7, 11))
    assert [second for second, _ in heard][-5:] == [7, 8, 9, 10, 11]


def test_protected_recordings(own: FolderLibrary) -> None:
    text = mpd(template()).replace("<Representation", '<ContentProtection schemeIdUri="x"/><Representation')
    assert refusal(lambda: parsed(own, text)) is RecordingFault.UNSUPPORTED


LAUGHS = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html/>",
        "<MPD",
        "<MPD/>",
        "<MPD></MPD><MPD></MPD>",
        "<x><MPD/></x>",
        LAUGHS + mpd(template()),
        LAUGHS.replace("DOCTYPE", "doctype") + mpd(template()),
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><MPD id="&a;"/>',
        mpd(),
        mpd("<Period/>"),
        mpd(template(), attributes=""),
        mpd(template(), attributes='mediaPresentationDuration="PTXS"'),
        mpd(template(), attributes='mediaPresentationDuration="-PT1S"'),
        mpd(template(), attributes=f'mediaPresentationDuration="PT{"9" * 400}S"'),
        mpd(template(), attributes='mediaPresentationDuration="PT999999999999S"'),
        mpd(template(), attributes='mediaPresentationDuration="PT10S" availabilityStartTime="soon"'),
        mpd(template('duration="0"')),
        mpd(template('duration="-5"')),
        mpd(template('duration="many"')),
        mpd(template(f'duration="{"9" * 5000}"')),
        mpd(template(f'duration="{"9" * 400}"')),
        mpd(template('duration="20" timescale="0"').replace('timescale="10" ', "")),
        mpd(template("")),
        mpd(template().replace("$Number$.m4s", "")),
        mpd(template("", "<SegmentTimeline/>")),
        mpd(template("", '<SegmentTimeline><S t="0"/></SegmentTimeline>')),
        mpd(template("", '<SegmentTimeline><S d="0" r="-1"/></SegmentTimeline>')),
        mpd(template("", '<SegmentTimeline><S d="1" r="999999999999"/></SegmentTimeline>')),
        mpd(template("", '<SegmentTimeline><S t="-5" d="1"/></SegmentTimeline>')),
        mpd(AUDIO.format('<SegmentList duration="1"/>')),
        mpd(AUDIO.format('<SegmentList duration="1"><SegmentURL mediaRange="5-2"/></SegmentList>')),
        mpd(AUDIO.format('<SegmentList duration="1"><SegmentURL/></SegmentList>')),
        mpd(AUDIO.format('<BaseURL>a</BaseURL><SegmentBase indexRange="a-b"/>')),
        mpd(AUDIO.format("")),
        mpd(template() * 70_000),
        mpd(template().replace("<AdaptationSet", '<AdaptationSet id="x"')),
        "<MPD>" * 100_000 + "</MPD>" * 100_000,
        "<MPD>" + "<a>" * 90_000 + "</a>" * 90_000 + "</MPD>",
    ],
    ids=range(39),
)
def test_malformed_manifests(text: str, own: FolderLibrary) -> None:
    assert refusal(lambda: parsed(own, text)) is RecordingFault.INVALID


LONG_ID = template().replace('id="a1"', f'id="{"x" * 1_000_000}"')


@pytest.mark.parametrize(
    "text",
    [
        mpd(template(), before=f"<BaseURL>{'x/../' * 100}</BaseURL>"),
        mpd(LONG_ID.replace("$Number$", "$RepresentationID$")),
        mpd(LONG_ID.replace("$Number$.m4s", "$RepresentationID$" * 100_000)),
        mpd(template().replace("$Number$.m4s", "$Number%099d$" * 400)),
    ],
    ids=range(4),
)
def test_addresses_that_are_too_long(text: str, own: FolderLibrary) -> None:
    with pytest.raises(RecordingError, match="an address that is too long") as caught:
        parsed(own, text)
    assert caught.value.fault is RecordingFault.INVALID


@pytest.mark.parametrize("reference", ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://[/"])
@pytest.mark.parametrize("place", ["media", "initialization", "base"])
def test_what_leads_out_of_the_library(reference: str, place: str, own: FolderLibrary) -> None:
    text = {
        "media": mpd(template().replace("$Number$.m4s", reference)),
        "initialization": mpd(template().replace("i.mp4", reference)),
        "base": mpd(template(), before=f"<BaseURL>{reference}</BaseURL>"),
    }[place]
    assert refusal(lambda: parsed(own, text)) in (RecordingFault.REFUSED, RecordingFault.INVALID)
    assert own.opened == ["stream.mpd"]
