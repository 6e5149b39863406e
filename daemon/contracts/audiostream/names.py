"""The contract's names for risk types: documented ones, newer ones, and which of them a client used."""

from __future__ import annotations

from collections.abc import Iterable

from config.taxonomy import RiskType

NEWER_NAMES = {
    "POLITY": RiskType.POLITICS,
    "POLITICAL": RiskType.POLITICS,
    "EROTIC": RiskType.PORN,
    "ADVERT": RiskType.AD,
    "DIRTY": RiskType.ABUSE,
}
TYPE_NAMES: dict[str, RiskType] = {risk.value: risk for risk in RiskType} | NEWER_NAMES
BUSINESS_NAMES: dict[str, RiskType] = {
    risk.value: risk
    for risk in (
        RiskType.GENDER,
        RiskType.AGE,
        RiskType.TIMBRE,
        RiskType.SING,
        RiskType.LANGUAGE,
        RiskType.MINOR,
        RiskType.VOICE,
        RiskType.AUDIOSCENE,
    )
}
NEEDS_GENDER = frozenset({RiskType.TIMBRE, RiskType.SING, RiskType.LANGUAGE})


def split(joined: str) -> list[str]:
    """Split `A_B_C` into its tokens."""
    return joined.split("_") if joined else []


def first_unknown(tokens: Iterable[str], known: dict[str, RiskType]) -> str | None:
    """Return the first token that is not known, or None."""
    return next((token for token in tokens if token not in known), None)


def asked(type_: str, business_type: str) -> dict[RiskType, str]:
    """Map every requested risk type to the name the client asked with; GENDER is added where needed."""
    names: dict[RiskType, str] = {}
    for token in split(type_) + split(business_type):
        names.setdefault(TYPE_NAMES[token], token)
    if NEEDS_GENDER & names.keys():
        names.setdefault(RiskType.GENDER, RiskType.GENDER.value)
    return names
