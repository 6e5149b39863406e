"""An evaluation as tables for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from daemon.evaluation.evaluation import Evaluation
from daemon.evaluation.scores import NONE, Confusion, right_share

SIGN_LANGUAGES = frozenset({"zh", "yue", "ja"})
"""Written in signs: the error rate of their words is one of characters."""


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield a table for each thing that the manifest knows of at least one recording."""
    if evaluation.words:
        yield _words(evaluation)
    if evaluation.languages:
        yield _confusion("Languages", evaluation.languages)
    if evaluation.genders:
        yield _confusion("Gender", evaluation.genders)
    if evaluation.voices is not None:
        yield _voices(evaluation)
    if evaluation.events:
        yield _events(evaluation)
    if evaluation.invented:
        yield _invented(evaluation)
    if evaluation.failed:
        yield _failed(evaluation)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the same counts and rates, and what was told of every recording, as plain values.

    A rate is a share, 0..1, or null where there was nothing to count.
    """
    voices = evaluation.voices
    return {
        "words": {
            language: {
                "recordings": each.recordings,
                "words": each.words,
                "edits": each.edits,
                "rate": each.rate,
                "unit": _unit(language),
            }
            for language, each in evaluation.words.items()
        },
        "languages": _confusion_json(evaluation.languages),
        "genders": _confusion_json(evaluation.genders),
        "voices": None
        if voices is None
        else {
            "speakers": voices.speakers,
            "recordings": voices.recordings,
            "same_pairs": voices.same_pairs,
            "different_pairs": voices.different_pairs,
            "equal_error_rate": voices.equal_error_rate,
            "threshold": voices.threshold,
        },
        "events": {
            name: {
                "present": each.present,
                "hits": each.hits,
                "misses": each.misses,
                "miss_rate": each.miss_rate,
                "absent": each.absent,
                "false_alarms": each.false_alarms,
                "false_alarm_rate": each.false_alarm_rate,
            }
            for name, each in evaluation.events.items()
        },
        "unlistened": [risk.value for risk in evaluation.unlistened],
        "invented": {
            file: {"seconds": each.seconds, "words": each.words, "text": each.text, "dropped": each.dropped}
            for file, each in evaluation.invented.items()
        },
        "recordings": {
            file: {
                "seconds": each.seconds,
                "took_s": each.took_s,
                "text": each.text,
                "language": each.language,
                "gender": each.gender,
                "found": sorted(f"{found.risk}.{found.label2}.{found.label3}" for found in each.found),
            }
            for file, each in evaluation.recordings.items()
        },
        "failed": dict(evaluation.failed),
    }


def _confusion_json(counts: Confusion) -> dict[str, Any]:
    rows = [{"known": known, "told": told, "recordings": count} for (known, told), count in counts.items()]
    return {"right": right_share(counts), "counts": rows}


def _unit(language: str) -> str:
    return "characters" if language in SIGN_LANGUAGES else "words"


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _share(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _words(evaluation: Evaluation) -> Table:
    table = Table("language", *_numbers("recordings", "units", "edits", "error rate"), "of", title="Words")
    for language, each in evaluation.words.items():
        counts = (str(each.recordings), str(each.words), str(each.edits))
        table.add_row(language, *counts, _share(each.rate), _unit(language))
    return table


def _confusion(title: str, counts: Confusion) -> Table:
    known = sorted({name for name, _ in counts})
    told = sorted({name for _, name in counts} | set(known), key=lambda name: (name == NONE, name))
    table = Table("known", *_numbers(*(f"told {name}" for name in told), "right"), title=title)
    for row in known:
        mine = {pair: count for pair, count in counts.items() if pair[0] == row}
        table.add_row(row, *(str(mine.get((row, name), 0)) for name in told), _share(right_share(mine)))
    table.add_section()
    sums = (str(sum(count for (_, name), count in counts.items() if name == each)) for each in told)
    table.add_row("all", *sums, _share(right_share(counts)))
    return table


def _voices(evaluation: Evaluation) -> Table:
    voices = evaluation.voices
    names = ("speakers", "recordings", "pairs of one", "pairs of two", "equal error rate", "at cosine")
    table = Table(*_numbers(*names), title="Voiceprints")
    if voices is not None:
        counts = (voices.speakers, voices.recordings, voices.same_pairs, voices.different_pairs)
        table.add_row(*map(str, counts), _share(voices.equal_error_rate), f"{voices.threshold:.3f}")
    return table


def _events(evaluation: Evaluation) -> Table:
    names = ("there", "hits", "misses", "miss rate", "absent", "false alarms", "false alarm rate")
    # A name cut off is no name: on 80 columns the headings give way.
    # On a narrow terminal the headings are folded, never a name: AUDIOPO… is none.
    event = Column("event", no_wrap=True, min_width=max(map(len, evaluation.events)))
    table = Table(event, *_numbers(*names), title="Events")
    for name, each in evaluation.events.items():
        there = (str(each.present), str(each.hits), str(each.misses), _share(each.miss_rate))
        table.add_row(name, *there, str(each.absent), str(each.false_alarms), _share(each.false_alarm_rate))
    return table


def _invented(evaluation: Evaluation) -> Table:
    table = Table(
        Column("recording", overflow="fold"),
        *_numbers("seconds", "windows dropped", "words invented"),
        Column("text", overflow="fold"),
        title="Words invented on non-speech",
    )
    invented = {file: each for file, each in evaluation.invented.items() if each.words}
    for file, each in invented.items():
        counts = (f"{each.seconds:.1f}", str(each.dropped), str(each.words))
        table.add_row(escape(file), *counts, escape(each.text))
    table.add_section()
    every = evaluation.invented.values()
    sums = (sum(each.dropped for each in every), sum(each.words for each in every))
    table.add_row(f"all {len(every)}", f"{sum(each.seconds for each in every):.1f}", *map(str, sums))
    return table


def _failed(evaluation: Evaluation) -> Table:
    table = Table(Column("recording", overflow="fold"), "reason", title="Not measured")
    for file, reason in evaluation.failed.items():
        table.add_row(escape(file), escape(reason))
    return table
