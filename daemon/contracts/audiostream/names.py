"""The contract's names for risk types: documented ones, newer ones, and which of them a client used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from config.taxonomy import BUSINESS_TYPES, RiskType

NEWER_NAMES = {
    "POLITY": RiskType.POLITICS,
    "POLITICAL": RiskType.POLITICS,
    "EROTIC": RiskType.PORN,
    "ADVERT": RiskType.AD,
    "DIRTY": RiskType.ABUSE,
}
TYPE_NAMES: dict[str, RiskType] = {risk.value: risk for risk in RiskType} | NEWER_NAMES
TYPE_SETS = {"DEFAULT": ("POLITICS", "PORN", "AD", "MOAN")}
"""One name for several types. No document explains it, but the vendor's published clients send it; in a later
edition of one of them these four stand in its place."""
BUSINESS_NAMES = {risk.value: risk for risk in RiskType if risk in BUSINESS_TYPES}
NEEDS_GENDER = frozenset({RiskType.TIMBRE, RiskType.SING, RiskType.LANGUAGE})


def split(joined: str) -> list[str]:
    """Split `A_B_C` into its tokens."""
    return joined.split("_") if joined else []


def first_unknown(tokens: Iterable[str], known: Mapping[str, object]) -> str | None:
    """Return the first token that is not known, or None."""
    return next((token for token in tokens if token not in known), None)


def asked(type_: str, business_type: str) -> dict[RiskType, str]:
    """Map every requested risk type to the name the client asked with; GENDER is added where needed."""
    names: dict[RiskType, str] = {}
    for token in split(type_) + split(business_type):
        for name in TYPE_SETS.get(token, (token,)):
            names.setdefault(TYPE_NAMES[name], name)
    if NEEDS_GENDER & names.keys():
        names.setdefault(RiskType.GENDER, RiskType.GENDER.value)
    return names
