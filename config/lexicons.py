"""The word lists `config/lexicons/<language>/<risk>.toml`: read, checked, and turned into frozen values."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from config.errors import ConfigError
from config.taxonomy import TEXT_RISKS, Label, RiskType, Taxonomy, load_taxonomy

LANGUAGES = ("zh", "en", "ar")
"""The languages that have lists: folder names below `config/lexicons`."""

DOCUMENT_KEYS = ("group", "allow")
GROUP_KEYS = ("label", "probability", "terms", "match", "homophones")


class Match(StrEnum):
    """How freely a term is matched."""

    VARIANTS = "variants"
    """Also stretched, spelled out, in leet, with gaps, and by sound (Chinese)."""
    EXACT = "exact"
    """Only case, width and script are folded."""


@dataclass(frozen=True, slots=True)
class TermGroup:
    """Terms that mean the same label with the same probability (0..1).

    `homophones` lets Chinese terms of two syllables be matched by sound too; longer ones always are.
    """

    label: Label
    probability: float
    terms: tuple[str, ...]
    match: Match = Match.VARIANTS
    homophones: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One list: a language's terms of one risk type, and the harmless phrases that contain some of them."""

    language: str
    risk: RiskType
    groups: tuple[TermGroup, ...]
    allowed: tuple[str, ...] = ()


def load_lexicons(folder: Traversable | None = None) -> tuple[Lexicon, ...]:
    """Read every list of `folder` (default: those that come with the project), in the order of their names.

    Raises ConfigError that names the file and the fault.
    """
    root = resources.files("config").joinpath("lexicons") if folder is None else folder
    taxonomy = load_taxonomy()
    lexicons = []
    for place, language, risk, file in _files(root):
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{place}: not UTF-8 at byte {error.start}") from None
        except OSError as error:
            raise ConfigError(f"{place}: cannot be read: {error.strerror}") from None
        lexicons.append(parse_lexicon(text, language, risk, place, taxonomy))
    return tuple(lexicons)


def parse_lexicon(text: str, language: str, risk: RiskType, place: str, taxonomy: Taxonomy) -> Lexicon:
    """Read one list from its TOML `text`; `place` names it in errors. Raises ConfigError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place}: not valid TOML: {error}") from None
    _refuse_unknown(document, DOCUMENT_KEYS, place)
    groups = document.get("group")
    if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
        raise ConfigError(f"{place}: needs at least one [[group]]")
    return Lexicon(
        language=language,
        risk=risk,
        groups=tuple(
            _read_group(group, language, risk, f"{place}: group {number}", taxonomy)
            for number, group in enumerate(groups, start=1)
        ),
        allowed=_read_allowed(document.get("allow", {}), place),
    )


def _files(root: Traversable) -> Iterable[tuple[str, str, RiskType, Traversable]]:
    if not root.is_dir():
        raise ConfigError(f"lexicons: {root} is not a folder")
    for language_folder in sorted(root.iterdir(), key=lambda item: item.name):
        language = language_folder.name
        if not language_folder.is_dir() or language.startswith(("_", ".")):
            continue
        if language not in LANGUAGES:
            raise ConfigError(f"lexicons/{language}: the languages are {', '.join(LANGUAGES)}")
        for file in sorted(language_folder.iterdir(), key=lambda item: item.name):
            if not file.name.endswith(".toml"):
                continue
            place = f"lexicons/{language}/{file.name}"
            name = file.name.removesuffix(".toml").upper()
            if name not in TEXT_RISKS:
                known = ", ".join(sorted(f"{risk.value.lower()}.toml" for risk in TEXT_RISKS))
                raise ConfigError(f"{place}: a list is named after its risk type: {known}")
            yield place, language, RiskType(name), file


def _read_group(
    group: Mapping[str, Any], language: str, risk: RiskType, place: str, taxonomy: Taxonomy
) -> TermGroup:
    _refuse_unknown(group, GROUP_KEYS, place)
    label = _read_label(group.get("label"), risk, place, taxonomy)
    place = f"{place} ({label.label2}.{label.label3})"
    probability = group.get("probability")
    if isinstance(probability, bool) or not isinstance(probability, int | float) or not 0 < probability <= 1:
        raise ConfigError(f"{place}: probability must be above 0 and at most 1, not {probability!r}")
    match = group.get("match", Match.VARIANTS.value)
    if match not in tuple(Match):
        raise ConfigError(f"{place}: match is one of {', '.join(Match)}, not {match!r}")
    homophones = group.get("homophones", False)
    if not isinstance(homophones, bool):
        raise ConfigError(f"{place}: homophones is true or false, not {homophones!r}")
    if homophones and (language != "zh" or match == Match.EXACT):
        raise ConfigError(f'{place}: homophones needs a Chinese list and match = "variants"')
    terms = _read_terms(group.get("terms"), f"{place}: terms")
    if not terms:
        raise ConfigError(f"{place}: terms must not be empty")
    return TermGroup(label, float(probability), terms, Match(match), homophones)


def _read_label(path: object, risk: RiskType, place: str, taxonomy: Taxonomy) -> Label:
    parts = path.split(".") if isinstance(path, str) else []
    if len(parts) == 2:
        label = Label(risk, parts[0], parts[1])
        if label in taxonomy:
            return label
    known = [".".join(name[1:]) for name in taxonomy.names if name[0] == risk.value and len(name) == 3]
    near = difflib.get_close_matches(str(path), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"{place}: unknown label {path!r} for {risk.value}; {hint}")


def _read_allowed(allow: object, place: str) -> tuple[str, ...]:
    if not isinstance(allow, dict):
        raise ConfigError(f"{place}: allow must be a table [allow]")
    _refuse_unknown(allow, ("phrases",), f"{place}: allow")
    return _read_terms(allow.get("phrases", []), f"{place}: allow.phrases")


def _read_terms(terms: object, place: str) -> tuple[str, ...]:
    if not isinstance(terms, list):
        raise ConfigError(f"{place} must be a list of texts")
    for number, term in enumerate(terms, start=1):
        if not isinstance(term, str):
            raise ConfigError(f"{place}: entry {number} is not a text: {term!r}")
        if not any(character.isalnum() for character in term):
            raise ConfigError(f"{place}: entry {number} holds no letter or digit: {term!r}")
    return tuple(terms)


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
            raise ConfigError(f"{place}: unknown key {key}, {hint}")
