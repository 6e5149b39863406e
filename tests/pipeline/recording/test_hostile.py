"""Playlists and manifests from strangers: a recording, or one RecordingError; never anything else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.recording.opening import open_recording
from pipeline.recording.recording import RecordingError
from pipeline.recording.stretches import stretches
from tests.support.folder_library import FolderLibrary
from tests.support.recordings import whole

SEEDS: dict[str, Sequence[str]] = {
    "play.m3u8": [
        "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:5", "#EXT-X-ENDLIST",
        '#EXT-X-MAP:URI="init.mp4",BYTERANGE="10@0"', "#EXTINF:2.0,title", "a.ts", "#EXT-X-DISCONTINUITY",
        '#EXT-X-KEY:METHOD=AES-128,URI="key",IV=0x0123', "#EXT-X-BYTERANGE:16@0", "#EXTINF:2,", "a.ts",
        "#EXT-X-PROGRAM-DATE-TIME:2026-11-21T12:00:00Z", "#EXTINF:1.5,", "b.ts", "#EXT-X-GAP", "#EXTINF:nan,",
        "#EXT-X-STREAM-INF:BANDWIDTH=1000,AUDIO=\"a\",RESOLUTION=1x1", "play.m3u8", "#EXTINF:-1,", "file:///etc/passwd",
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="play.m3u8"', "../../etc/passwd", "#EXT-X-BYTERANGE:-5@-5",
    ],
    "stream.mpd": [
        '<MPD type="static" mediaPresentationDuration="PT9S" availabilityStartTime="2026-11-21T12:00:00Z">',
        '<Period start="PT0S" duration="PT9S">', "<BaseURL>a/</BaseURL>",
        '<AdaptationSet mimeType="audio/mp4">',
        '<Representation id="1" bandwidth="5">',
        '<SegmentTemplate media="$Number$" timescale="10" duration="20"/>',
        '<SegmentTemplate media="$Time$" initialization="i" timescale="1" presentationTimeOffset="3">',
        "<SegmentTimeline>", '<S t="3" d="2" r="2"/>', '<S d="1" r="-1"/>', "</SegmentTimeline>",
        "</SegmentTemplate>",
        '<SegmentList duration="3">', '<SegmentURL media="a.ts" mediaRange="0-5"/>', "</SegmentList>",
        '<SegmentBase indexRange="0-50"/>', "</Representation>", "</AdaptationSet>", "</Period>", "</MPD>",
        "<BaseURL>../../../etc/passwd</BaseURL>", "<BaseURL>file:///etc/passwd</BaseURL>",
    ],
}  # fmt: skip
NUMBERS = ["", "0", "-1", "nan", "inf", "1e999", "9" * 25, "9" * 5000, "2", "x", "1.5", "\0", "\ud7ff"]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str]:
    """Return a name, and lines of the seed in some order, some of whose numbers are others."""
    name = draw(st.sampled_from(sorted(SEEDS)))
    seed = SEEDS[name]
    chosen = draw(st.lists(st.sampled_from(seed), max_size=12))
    at = draw(st.integers(0, len(seed)))
    lines = draw(st.sampled_from([[*seed[:at], *chosen, *seed[at:]], [seed[0], *chosen], chosen]))
    text = "\n".join(lines)
    for _ in range(draw(st.integers(0, 3))):
        digits = [place for place, each in enumerate(text) if each.isdigit()]
        if digits:
            place = draw(st.sampled_from(digits))
            text = text[:place] + draw(st.sampled_from(NUMBERS)) + text[place + 1 :]
    cut = draw(st.integers(0, len(text)))
    text = draw(st.sampled_from([text, text[:cut], text[:cut] + draw(st.text(max_size=8)) + text[cut:]]))
    return name, text


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> FolderLibrary:
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("a.ts", "b.ts", "init.mp4", "key", "i", "1", "2"):
        (folder / name).write_bytes(bytes(16))
    return FolderLibrary(folder)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
@example(("play.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nplay.m3u8"))
@example(("stream.mpd", "<MPD/>"))
def test_a_recording_or_one_error(hostile: FolderLibrary, case: tuple[str, str]) -> None:
    name, text = case
    (hostile.folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    hostile.opened.clear()
    for picture in (True, False):
        told = outcome(hostile, name, picture=picture)
        assert told is None or 0 < len(told) < 200
    assert not hostile.held
    assert not [each for each in hostile.opened if each.startswith(("/", "..")) or "://" in each]


def outcome(library: FolderLibrary, name: str, *, picture: bool) -> str | None:
    """Read a span; return what the error says, None without one."""
    try:
        recording = open_recording(library, name, picture=picture)
        assert all(each.duration_s >= 0 for each in recording.segments)
        with closing(stretches(recording, library, 0.5, 6, retry_after_s=())) as found:
            for stretch in found:
                whole(stretch.source)
    except RecordingError as error:
        return str(error)
    return None
