"""The sums, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from config.taxonomy import Label, RiskType
from daemon.evaluation.manifest import Event
from daemon.evaluation.scores import (
    confusion,
    equal_error_rate,
    event_tallies,
    right_share,
    voice_tally,
    word_tally,
)
from models.interfaces import Voiceprint

INSULT = Label(RiskType.ABUSE, "insult", "personal")
CURSE = Label(RiskType.ABUSE, "threat", "curse")
MOAN = Event(RiskType.MOAN)


def test_words_are_counted_over_all_recordings() -> None:
    tally = word_tally([("One, two three", "one two"), ("four", "for four"), ("换一首歌", "换一手歌")])
    assert (tally.recordings, tally.words, tally.edits) == (3, 8, 3)
    assert tally.rate == 3 / 8
    assert word_tally([("", "well")]).rate is None


def test_hits_misses_and_false_alarms() -> None:
    abuse = Event(RiskType.ABUSE)
    tallies = event_tallies(
        [
            ((abuse,), frozenset({INSULT})),
            ((abuse, MOAN), frozenset()),
            ((), frozenset({INSULT, CURSE})),
            ((), frozenset()),
        ],
        [RiskType.ABUSE, RiskType.MOAN],
    )
    assert list(tallies) == ["ABUSE", "MOAN"]
    told = tallies["ABUSE"]
    assert (told.present, told.hits, told.misses, told.absent, told.false_alarms) == (2, 1, 1, 2, 1)
    assert (told.miss_rate, told.false_alarm_rate) == (0.5, 0.5)
    assert (tallies["MOAN"].miss_rate, tallies["MOAN"].false_alarm_rate) == (1.0, 0.0)


def test_without_known_events_there_is_nothing_to_count() -> None:
    assert event_tallies([], [RiskType.ABUSE]) == {}


def test_a_label_is_judged_where_it_is_known_whether_it_is_there() -> None:
    curse = Event(RiskType.ABUSE, "curse")
    tallies = event_tallies(
        [
            ((curse,), frozenset({INSULT})),  # its type was found, itself not
            ((Event(RiskType.ABUSE),), frozenset({CURSE})),  # nobody said which abuse
            ((), frozenset({CURSE})),
        ],
        [RiskType.ABUSE],
    )
    assert (tallies["ABUSE"].present, tallies["ABUSE"].hits) == (2, 2)
    told = tallies["ABUSE.curse"]
    assert (told.present, told.hits, told.absent, told.false_alarms) == (1, 0, 1, 1)


def test_a_scene_that_nobody_named_is_no_false_alarm() -> None:
    street = Label(RiskType.AUDIOSCENE, "place", "street")
    told = event_tallies([((), frozenset({street}))], [RiskType.AUDIOSCENE])["AUDIOSCENE"]
    assert (told.absent, told.false_alarms, told.false_alarm_rate) == (0, 0, None)


def test_a_confusion_counts_what_was_taken_for_what() -> None:
    counts = confusion([("en", "en"), ("en", "en"), ("en", ""), ("zh", "en")])
    assert counts == {("en", "en"): 2, ("en", "none"): 1, ("zh", "en"): 1}
    assert right_share(counts) == 0.5
    assert right_share({}) is None


@pytest.mark.parametrize(
    ("same", "different", "rate"),
    [
        ([0.8, 0.9], [0.1, 0.2, 0.3], 0.0),
        ([0.1, 0.2], [0.8, 0.9], 1.0),
        ([0.4, 0.7, 0.8, 0.9], [0.1, 0.2, 0.3, 0.75], 0.25),
        ([0.5, 0.5], [0.5, 0.5], 0.5),
    ],
)
def test_the_equal_error_rate(same: list[float], different: list[float], rate: float) -> None:
    assert equal_error_rate(same, different)[0] == pytest.approx(rate)


def test_its_threshold_parts_the_pairs() -> None:
    assert 0.3 < equal_error_rate([0.8, 0.9], [0.1, 0.3])[1] <= 0.8


def voice(degrees: float) -> Voiceprint:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_voices_are_compared_in_all_pairs() -> None:
    tally = voice_tally(
        [("a", voice(0)), ("a", voice(10)), ("b", voice(90)), ("b", voice(95)), ("c", voice(5))]
    )
    assert tally is not None
    assert (tally.speakers, tally.recordings, tally.same_pairs, tally.different_pairs) == (2, 4, 2, 4)
    assert tally.equal_error_rate == 0.0
    assert voice_tally([("a", voice(0)), ("a", voice(1)), ("b", voice(90))]) is None
