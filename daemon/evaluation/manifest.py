"""The manifest of recordings to measure with: what is known to be in each of them."""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from config.errors import AudiowardenError
from config.taxonomy import RiskType, Taxonomy

NAME = "manifest.csv"
COLUMNS = ("file", "text", "language", "gender", "speaker", "events")
NOTHING_SAID = "-"
NO_EVENT = "none"
GENDERS = ("male", "female")
NAMED_MISSING = 5

TOLD_OTHERWISE = frozenset({RiskType.GENDER, RiskType.AGE, RiskType.TIMBRE, RiskType.LANGUAGE})
EVENT_TYPES = frozenset(RiskType) - TOLD_OTHERWISE
"""What may stand in the column `events`."""


class ManifestError(AudiowardenError):
    """The manifest cannot be used; the text names the file and the line."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that must be found: any label of a type, or one that ends in `label3`."""

    risk: RiskType
    label3: str = ""

    @property
    def name(self) -> str:
        """How a table calls it."""
        return f"{self.risk.value}.{self.label3}" if self.label3 else self.risk.value


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one recording; empty or None where nothing is."""

    path: Path
    file: str
    text: str | None = None
    """What is said; empty: nothing is."""
    language: str = ""
    """ISO 639 code."""
    gender: str = ""
    speaker: str = ""
    events: tuple[Event, ...] | None = None
    """All that is to be found, and nothing else; None: not known."""


def read_manifest(folder: Path, taxonomy: Taxonomy) -> list[Entry]:
    """Read `manifest.csv` of a folder; blocking.

    Its header names some of COLUMNS, `file` among them; paths are relative to the folder, an empty cell is
    not known. `text` `-` says that nobody speaks, `events` `none` that nothing may be found. Raises
    ManifestError, also where recordings are missing.
    """
    path = folder / NAME
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            entries = list(_entries(file, path, taxonomy))
    except FileNotFoundError:
        raise ManifestError(f"there is no {path}: its header is {','.join(COLUMNS)}") from None
    except UnicodeDecodeError:
        raise ManifestError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ManifestError(f"cannot read {path}: {error.strerror or error}") from None
    if not entries:
        raise ManifestError(f"{path} names no recording")
    missing = [entry.file for entry in entries if not entry.path.is_file()]
    if missing:
        more = f" and {len(missing) - NAMED_MISSING} more" if len(missing) > NAMED_MISSING else ""
        raise ManifestError(
            f"{path} names files that are not there: {', '.join(missing[:NAMED_MISSING])}{more}"
        )
    return entries


def _entries(file: Iterable[str], path: Path, taxonomy: Taxonomy) -> Iterator[Entry]:
    rows = csv.reader(file, strict=True)
    seen: set[str] = set()
    try:
        header = _header(next(rows, []))
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            entry = _entry(header, cells, path.parent, taxonomy)
            _note(entry.file, seen)
            yield entry
    except (ManifestError, csv.Error) as error:
        raise ManifestError(f"{path} line {max(1, rows.line_num)}: {error}") from None


def _note(file: str, seen: set[str]) -> None:
    if file in seen:
        raise ManifestError(f"{file} stands there a second time")
    seen.add(file)


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "file" not in names or len(set(names)) != len(names):
        raise ManifestError(f"the header must name file and any of {', '.join(COLUMNS[1:])}, each once")
    return names


def _entry(header: list[str], cells: list[str], folder: Path, taxonomy: Taxonomy) -> Entry:
    if len(cells) > len(header):
        raise ManifestError(
            f"{len(cells)} cells under {len(header)} headings: quote a text that holds a comma"
        )
    row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    file, text, language = row.get("file", ""), row.get("text", ""), row.get("language", "")
    gender, events = row.get("gender", ""), row.get("events", "")
    if not file:
        raise ManifestError("the cell under file is empty")
    if language and not re.fullmatch("[a-z]{2,3}", language):
        raise ManifestError(f"{language} is no language: write a code such as zh or en")
    if gender and gender not in GENDERS:
        raise ManifestError(f"{gender} is no gender that can be told: write {' or '.join(GENDERS)}")
    return Entry(
        path=folder / file,
        file=file,
        text=("" if text == NOTHING_SAID else text) if text else None,
        language=language,
        gender=gender,
        speaker=row.get("speaker", ""),
        events=_events(events, taxonomy) if events else None,
    )


def _events(cell: str, taxonomy: Taxonomy) -> tuple[Event, ...]:
    names = [name.strip() for name in cell.split(";") if name.strip()]
    if names == [NO_EVENT]:
        return ()
    return tuple(_event(name, taxonomy) for name in names)


def _event(name: str, taxonomy: Taxonomy) -> Event:
    """A risk type, a third-level label, or both joined by a point where several types have that label."""
    if name in EVENT_TYPES:
        return Event(RiskType(name))
    risk, _, label3 = name.rpartition(".")
    labels = {(path[0], path[2]) for path in taxonomy.names if len(path) == 3 and path[0] in EVENT_TYPES}
    risks = sorted(each for each, last in labels if last == label3 and risk in ("", each))
    if len(risks) > 1:
        choices = " or ".join(f"{each}.{label3}" for each in risks)
        raise ManifestError(f"{name} is a label of several risk types: write {choices}")
    if not risks:
        known = [*sorted(EVENT_TYPES), *sorted({last for _, last in labels})]
        near = difflib.get_close_matches(name, known, 1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise ManifestError(f"{name} is neither a risk type that can be found nor a third-level label{hint}")
    return Event(RiskType(risks[0]), label3)
