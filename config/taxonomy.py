"""Risk types, the label tree with its names, and the thresholds of each policy (`labels.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from config.errors import ConfigError


class RiskType(StrEnum):
    """A kind of risk or attribute that a stream can be checked for; the value is its own name."""

    POLITICS = "POLITICS"
    PORN = "PORN"
    AD = "AD"
    ABUSE = "ABUSE"
    BAN = "BAN"
    VIOLENT = "VIOLENT"
    ADLAW = "ADLAW"
    MOAN = "MOAN"
    SING = "SING"
    MINOR = "MINOR"
    ANTHEN = "ANTHEN"
    AUDIOPOLITICAL = "AUDIOPOLITICAL"
    BANEDAUDIO = "BANEDAUDIO"
    COPYRIGHTSONGS = "COPYRIGHTSONGS"
    VOICE = "VOICE"
    AUDIOSCENE = "AUDIOSCENE"
    GENDER = "GENDER"
    AGE = "AGE"
    TIMBRE = "TIMBRE"
    LANGUAGE = "LANGUAGE"


TEXT_RISKS = frozenset(
    {
        RiskType.POLITICS,
        RiskType.PORN,
        RiskType.AD,
        RiskType.ABUSE,
        RiskType.BAN,
        RiskType.VIOLENT,
        RiskType.ADLAW,
    }
)
"""The risk types that are found in the words of a window."""

BUSINESS_TYPES = frozenset(
    {
        RiskType.GENDER,
        RiskType.AGE,
        RiskType.TIMBRE,
        RiskType.SING,
        RiskType.LANGUAGE,
        RiskType.MINOR,
        RiskType.VOICE,
        RiskType.AUDIOSCENE,
    }
)
"""What a platform wants to know about a window whether or not it is a risk."""


@dataclass(frozen=True, slots=True)
class Label:
    """A path in the label tree, without the risk type's vendor-specific first name.

    `label2` and `label3` are stable identifiers such as `insult`, `family`.
    """

    risk: RiskType
    label2: str
    label3: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities (0..1) from which a label is REVIEW and REJECT; above 1 means never."""

    review: float
    reject: float


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The label tree and the policies; immutable, loaded once."""

    names: dict[tuple[str, ...], dict[str, str]]
    """Path `(risk,)`, `(risk, label2)` or `(risk, label2, label3)` to its name by language (`zh`, `en`)."""
    policies: dict[str, dict[str, Thresholds]]
    """Policy name to risk type (or `*`) to thresholds."""

    def __contains__(self, label: Label) -> bool:
        return (label.risk.value, label.label2, label.label3) in self.names

    def describe(self, label: Label, language: str) -> tuple[str, str, str]:
        """Return the three names of a label in `language` (`zh` or `en`)."""
        path = (label.risk.value, label.label2, label.label3)
        return (
            self.names[path[:1]][language],
            self.names[path[:2]][language],
            self.names[path][language],
        )

    def thresholds(self, policy: str, role: str, risk: RiskType) -> Thresholds:
        """Return the thresholds for `risk` under `policy`; an unknown policy is the default one.

        The most specific entry wins: `policy:ROLE`, `policy`, `default:ROLE`, `default`; in each of them
        the risk type before `*`.
        """
        for name in (f"{policy}:{role}", policy, f"default:{role}", "default"):
            table = self.policies.get(name, {})
            for key in (risk.value, "*"):
                if key in table:
                    return table[key]
        raise ConfigError(f"no thresholds for {risk.value}: policy default needs a `*` entry")

    def with_policies(self, policies: Mapping[str, Mapping[str, Thresholds]]) -> Taxonomy:
        """Return a taxonomy in which an operator's entries replace those of the file."""
        merged = {name: dict(table) for name, table in self.policies.items()}
        for name, table in policies.items():
            merged.setdefault(name, {}).update(table)
        return Taxonomy(names=self.names, policies=merged)


def _read_tree(risks: dict[str, Any]) -> dict[tuple[str, ...], dict[str, str]]:
    names: dict[tuple[str, ...], dict[str, str]] = {}

    def walk(path: tuple[str, ...], node: dict[str, Any]) -> None:
        missing = [language for language in ("zh", "en") if not isinstance(node.get(language), str)]
        if missing:
            raise ConfigError(f"labels.toml: {'.'.join(path)} has no name for {', '.join(missing)}")
        names[path] = {"zh": node["zh"], "en": node["en"]}
        for key, child in node.items():
            if isinstance(child, dict):
                walk((*path, key), child)

    for risk, node in risks.items():
        if risk not in RiskType.__members__:
            raise ConfigError(f"labels.toml: {risk} is not a risk type")
        walk((risk,), node)
    return names


@cache
def load_taxonomy() -> Taxonomy:
    """Read `config/labels.toml`. Raises ConfigError that names the faulty entry."""
    text = resources.files("config").joinpath("labels.toml").read_text(encoding="utf-8")
    document = tomllib.loads(text)
    policies = {
        policy: {key: Thresholds(**value) for key, value in table.items()}
        for policy, table in document["policy"].items()
    }
    return Taxonomy(names=_read_tree(document["risk"]), policies=policies)
