"""Small word lists for tests."""

from __future__ import annotations

from config.lexicons import Lexicon, Match, TermGroup
from config.taxonomy import Label, RiskType

PERSONAL = Label(RiskType.ABUSE, "insult", "personal")
PROFANITY = Label(RiskType.ABUSE, "obscenity", "profanity")


def lexicon(language: str, *groups: TermGroup, allowed: tuple[str, ...] = ()) -> Lexicon:
    return Lexicon(language, RiskType.ABUSE, groups, allowed)


def group(
    *terms: str,
    label: Label = PERSONAL,
    probability: float = 0.9,
    exact: bool = False,
    homophones: bool = False,
) -> TermGroup:
    return TermGroup(label, probability, terms, Match.EXACT if exact else Match.VARIANTS, homophones)
