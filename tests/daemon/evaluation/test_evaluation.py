"""What is summed up over which recordings."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from config.taxonomy import RiskType
from daemon.evaluation.evaluation import Evaluation, sum_up
from daemon.evaluation.manifest import Entry
from daemon.evaluation.measure import Failed, Observation, Outcome
from daemon.evaluation.tables import as_json, tables

RISKS = frozenset({RiskType.ABUSE, RiskType.GENDER})


def entry(file: str, **known: object) -> Entry:
    return Entry(path=Path(file), file=file, **known)  # type: ignore[arg-type]  # keyword by keyword


def told(text: str = "", language: str = "", gender: str = "") -> Observation:
    return Observation(10.0, text, 1, language, gender, frozenset(), None, 0.5)


ENTRIES = [
    entry("zh.wav", text="換一首歌", language="zh", gender="female", events=()),
    entry("en.wav", text="one two", language="en", gender="male"),
    entry("[noise].wav", text="", events=()),
    entry("unknown.wav"),
    entry("broken.wav", text="one two", language="en", gender="male", events=()),
]
OUTCOMES: list[Outcome] = [
    told("换一首歌", "zh", "male"),
    told("one two", "en", "male"),
    told("[music] thank you"),
    told("who knows", "en", "male"),
    Failed("it holds [/no] audio"),
]


def evaluation(risks: frozenset[RiskType] = RISKS) -> Evaluation:
    return sum_up(ENTRIES, OUTCOMES, risks)


def test_only_what_is_known_is_summed_up() -> None:
    done = evaluation()
    assert {name: (each.recordings, each.edits) for name, each in done.words.items()} == {
        "en": (1, 0),
        "zh": (1, 0),
    }, "scripts do not count"
    assert done.languages == {("zh", "zh"): 1, ("en", "en"): 1}
    assert done.genders == {("female", "male"): 1, ("male", "male"): 1}
    assert done.events["ABUSE"].absent == 2
    assert (done.invented["[noise].wav"].words, done.invented["[noise].wav"].dropped) == (3, 1)
    assert list(done.invented) == ["[noise].wav"]
    assert done.failed == {"broken.wav": "it holds [/no] audio"}
    assert done.voices is None


def test_what_nothing_listens_for_is_said_and_not_counted() -> None:
    done = evaluation(frozenset({RiskType.ABUSE}))
    assert done.genders == {}
    assert {RiskType.GENDER, RiskType.MOAN} <= set(done.unlistened)
    assert list(done.events) == ["ABUSE"]


def test_every_sum_has_a_table_and_a_place_in_the_json() -> None:
    done = evaluation()
    page = io.StringIO()
    console = Console(width=200, file=page)
    for table in tables(done):
        console.print(table)
    shown = page.getvalue()
    for title in ("Words", "Languages", "Gender", "Events", "Words invented on non-speech", "Not measured"):
        assert title in shown
    assert "Voiceprints" not in shown
    assert "it holds [/no] audio" in shown
    assert "[noise].wav" in shown
    assert "[music] thank you" in shown
    written = json.loads(json.dumps(as_json(done)))
    assert written["words"]["zh"] == {
        "recordings": 1,
        "words": 4,
        "edits": 0,
        "rate": 0.0,
        "unit": "characters",
    }
    assert written["genders"]["right"] == 0.5
    assert written["events"]["ABUSE"]["miss_rate"] is None
    assert written["failed"] == {"broken.wav": "it holds [/no] audio"}
