from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from pipeline.audio import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Pcm
from pipeline.source import Position
from pipeline.windows import Cut, WindowCutter

ORIGIN = 1_700_000_000.0


class WallClock:
    """Seconds since the epoch, moved by the test."""

    def __init__(self) -> None:
        self.now = ORIGIN

    def __call__(self) -> float:
        return self.now


def sound(seconds: float, value: int = 1) -> Pcm:
    return np.full(round(seconds * SAMPLE_RATE_HZ), value, np.int16)


def cutter(clock: WallClock, *, live: bool = True, position: Position | None = None) -> WindowCutter:
    return WindowCutter(position or Position(), live=live, clock=clock)


def feed(target: WindowCutter, clock: WallClock, blocks: Iterable[tuple[float, Pcm]]) -> list[Cut]:
    """Feed blocks that arrive once they have sounded: the wall clock goes on by their length before."""
    cuts = []
    for time_s, pcm in blocks:
        clock.now += len(pcm) / SAMPLE_RATE_HZ
        cuts += target.feed(time_s, pcm)
    return cuts


def flat(start_s: float, seconds: float, value: int = 1, step_s: float = 0.25) -> list[tuple[float, Pcm]]:
    return [(start_s + n * step_s, sound(step_s, value)) for n in range(round(seconds / step_s))]


def test_audio_that_was_kept_for_us_is_as_old_as_it_is() -> None:
    """A server that sends its last 3 s at once: the stream began 3 s before we connected."""
    clock = WallClock()
    target = cutter(clock)
    for time_s, pcm in flat(40, 3):
        assert target.feed(time_s, pcm) == []
    (cut,) = feed(target, clock, flat(43, 7))
    assert cut.origin == pytest.approx(ORIGIN - 3)
    assert target.origin == cut.origin
    late = feed(target, clock, flat(50, 10))
    assert [each.origin for each in late] == [cut.origin], "an origin that was told does not move"


def test_twelve_hours_of_rounded_time_stamps_stay_on_the_grid() -> None:
    clock = WallClock()
    target = cutter(clock)
    packet_s = 1024 / 44100
    packets_per_block = 430
    # Each block begins at the time stamp of a 44.1 kHz AAC packet as FLV rounds it: to whole milliseconds.
    blocks = round(12 * 3600 / (packet_s * packets_per_block))
    exact_s = np.arange(blocks + 1) * (packets_per_block * packet_s)
    edges = np.round(exact_s * SAMPLE_RATE_HZ).astype(int)
    emitted: list[Cut] = []
    for n in range(blocks):
        clock.now = ORIGIN + exact_s[n + 1]
        # The value of the samples is the number of their block, so a slip shows in the content.
        pcm = np.full(edges[n + 1] - edges[n], n % 30_000, np.int16)
        emitted += target.feed(int(exact_s[n] * 1000) / 1000, pcm)
    assert [cut.index for cut in emitted] == list(range(len(emitted)))
    assert len(emitted) == edges[-1] // WINDOW_SAMPLES >= 4300
    for cut in emitted:
        assert (len(cut.pcm), cut.heard_s) == (WINDOW_SAMPLES, 10.0)
        assert cut.origin == pytest.approx(ORIGIN)
        for place in (0, WINDOW_SAMPLES - 1):
            block = np.searchsorted(edges, cut.index * WINDOW_SAMPLES + place, "right") - 1
            assert cut.pcm[place] == block % 30_000
    assert target.gaps == target.discontinuities == 0


def test_a_publisher_whose_clock_drifts_is_held_to_its_time_stamps() -> None:
    clock = WallClock()
    target = cutter(clock)
    # 100 ppm: each block says it lasts 1.0001 s, and holds one second of samples.
    cuts = feed(target, clock, ((n * 1.0001, sound(1.0)) for n in range(6 * 3600)))
    assert 0 <= 6 * 3600 * 1.0001 - (cuts[-1].index + 1) * 10 < 10
    assert [cut.index for cut in cuts] == list(range(len(cuts)))
    assert target.discontinuities == 0
    assert target.gaps > 0

    fast = cutter(clock)
    cuts = feed(fast, clock, ((n * 0.9999, sound(1.0)) for n in range(6 * 3600)))
    assert 0 <= 6 * 3600 * 0.9999 - (cuts[-1].index + 1) * 10 < 10
    assert fast.discontinuities == 0


@pytest.mark.parametrize("jitter_s", [0.05, -0.05])
def test_jitter_is_absorbed(jitter_s: float) -> None:
    clock = WallClock()
    target = cutter(clock)
    blocks = [(time_s + (jitter_s if n % 2 else 0.0), pcm) for n, (time_s, pcm) in enumerate(flat(0, 10))]
    (cut,) = feed(target, clock, blocks)
    assert cut.heard_s == 10.0
    assert target.gaps == target.discontinuities == 0


def test_a_gap_is_silence_inside_a_window() -> None:
    clock = WallClock()
    target = cutter(clock)
    (cut,) = feed(target, clock, flat(5, 4) + flat(11, 4))
    assert cut.heard_s == 8.0
    heard = [int(cut.pcm[round(second * SAMPLE_RATE_HZ)]) for second in (3.9, 4.1, 5.9, 6.1)]
    assert heard == [1, 0, 0, 1]
    assert target.gaps == 1


def test_windows_in_which_nothing_was_heard_are_skipped() -> None:
    clock = WallClock()
    target = cutter(clock)
    cuts = feed(target, clock, flat(0, 12))
    clock.now += 35
    cuts += feed(target, clock, flat(47, 14))
    assert [(cut.index, len(cut.pcm), cut.heard_s) for cut in cuts] == [
        (0, WINDOW_SAMPLES, 10.0),
        (1, WINDOW_SAMPLES, 2.0),
        (4, WINDOW_SAMPLES, 3.0),
        (5, WINDOW_SAMPLES, 10.0),
    ]
    last = target.flush()
    assert last is not None
    assert (last.index, len(last.pcm), last.heard_s) == (6, SAMPLE_RATE_HZ, 1.0)
    assert target.flush() is None


def test_audio_that_is_sent_twice_counts_once() -> None:
    clock = WallClock()
    target = cutter(clock)
    (cut,) = feed(target, clock, [*flat(0, 5), (4.8, sound(0.25)), *flat(5.05, 5)])
    assert cut.heard_s == 10.0
    assert target.discontinuities == 0


@pytest.mark.parametrize("jump_to_s", [-1000.0, 2.0, 5_000_000.0, 95_443.7])
def test_a_live_discontinuity_goes_on_where_it_was(jump_to_s: float) -> None:
    clock = WallClock()
    target = cutter(clock)
    cuts = feed(target, clock, flat(100, 7, 1) + flat(jump_to_s, 13, 2))
    assert [cut.index for cut in cuts] == [0, 1]
    assert target.discontinuities == 1
    assert cuts[0].heard_s == cuts[1].heard_s == 10.0
    assert set(cuts[1].pcm.tolist()) == {2}


def test_a_live_discontinuity_after_a_pause_follows_the_wall_clock() -> None:
    clock = WallClock()
    target = cutter(clock)
    feed(target, clock, flat(100, 7, 1))
    clock.now += 20
    cuts = feed(target, clock, flat(0, 13, 2))
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(0, 7.0), (2, 3.0), (3, 10.0)]
    assert not cuts[1].pcm[: 7 * SAMPLE_RATE_HZ].any()


def test_a_hostile_clock_cannot_push_the_timeline_ahead() -> None:
    clock = WallClock()
    target = cutter(clock)
    cuts = feed(target, clock, ((n * 14.0, sound(0.25)) for n in range(4000)))
    cuts_ahead_s = cuts[-1].index * 10 - (clock.now - ORIGIN)
    assert cuts_ahead_s < 90
    assert [cut.index for cut in cuts] == sorted({cut.index for cut in cuts})


def test_a_player_s_first_seconds_come_at_once() -> None:
    clock = WallClock()
    target = cutter(clock)
    cuts = []
    for time_s, pcm in flat(50, 18):
        cuts += target.feed(time_s, pcm)
    # A segment of 6 s is missing, and the next one is already there.
    for time_s, pcm in flat(74, 6):
        cuts += target.feed(time_s, pcm)
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(0, 10.0), (1, 8.0), (2, 6.0)]
    assert target.gaps == 1


def test_a_live_rejoin_stands_at_the_wall_clock() -> None:
    clock = WallClock()
    clock.now = ORIGIN + 123.0
    target = cutter(clock, position=Position(ORIGIN, 3))
    cuts = feed(target, clock, flat(0, 20))
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(12, 7.0), (13, 10.0)]
    assert cuts[0].origin == ORIGIN
    assert not cuts[0].pcm[: 3 * SAMPLE_RATE_HZ].any()


def test_a_live_rejoin_never_repeats_a_settled_window() -> None:
    clock = WallClock()
    clock.now = ORIGIN + 34.0
    target = cutter(clock, position=Position(ORIGIN, 4))
    cuts = feed(target, clock, flat(900, 20, 1))
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(4, 10.0)]
    before = cutter(clock, position=Position(ORIGIN, 90))
    assert feed(before, clock, flat(900, 20, 1)) == []
    assert before.flush() is None


def test_a_recording_goes_by_its_own_time() -> None:
    clock = WallClock()
    target = cutter(clock, live=False)
    cuts = []
    for time_s, pcm in flat(0, 10) + flat(200, 10):
        cuts += target.feed(time_s, pcm)
    assert [cut.index for cut in cuts] == [0, 20]
    rejoined = cutter(clock, live=False, position=Position(ORIGIN, 20))
    cuts = []
    for time_s, pcm in flat(195, 15):
        cuts += rejoined.feed(time_s, pcm)
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(20, 10.0)]


@pytest.mark.parametrize("jump_to_s", [-50.0, 0.0, 400.0, 1e7])
def test_a_recording_s_absurd_jump_is_no_gap(jump_to_s: float) -> None:
    target = cutter(WallClock(), live=False)
    cuts = []
    for time_s, pcm in flat(0, 15) + flat(jump_to_s, 15):
        cuts += target.feed(time_s, pcm)
    assert [(cut.index, cut.heard_s) for cut in cuts] == [(0, 10.0), (1, 10.0), (2, 10.0)]
    assert target.discontinuities == 1


def test_a_block_longer_than_a_window() -> None:
    target = cutter(WallClock())
    cuts = target.feed(0.0, sound(35))
    assert [cut.index for cut in cuts] == [0, 1, 2]
    last = target.flush()
    assert last is not None
    assert last.heard_s == 5.0


def test_a_run_that_ends_in_the_middle_and_goes_on() -> None:
    target = cutter(WallClock())
    target.feed(0.0, sound(4))
    first = target.flush()
    assert first is not None
    assert (first.index, first.heard_s) == (0, 4.0)
    # What follows belongs to a window that was given out already.
    assert target.feed(4.0, sound(5)) == []
    assert [(cut.index, cut.heard_s) for cut in target.feed(9.0, sound(11))] == [(1, 10.0)]


def test_nothing_heard_yields_nothing() -> None:
    target = cutter(WallClock())
    assert target.feed(0.0, sound(0)) == []
    assert target.origin is None
    assert target.flush() is None


def test_a_recording_that_begins_anywhere_begins_at_its_window() -> None:
    """Nothing said where the file begins: its first time stamp is no place on the timeline."""
    clock = WallClock()
    (first,) = feed(cutter(clock, live=False), clock, flat(2_000_000, 10))
    assert first.index == 0
    later = cutter(clock, live=False, position=Position(ORIGIN, 7))
    (seventh,) = feed(later, clock, flat(2_000_000, 10))
    assert seventh.index == 7


def test_a_server_faster_than_time_is_noticed() -> None:
    clock = WallClock()
    target = cutter(clock)
    for time_s, pcm in flat(0, 70):
        target.feed(time_s, pcm)
        assert not target.ahead()
    target.feed(70, sound(0.25))
    assert target.ahead()
    clock.now += 0.5
    assert not target.ahead()
    recording = cutter(clock, live=False)
    for time_s, pcm in flat(0, 100):
        recording.feed(time_s, pcm)
    assert not recording.ahead()
