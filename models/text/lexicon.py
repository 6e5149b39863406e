"""Finds the terms of the word lists in a transcript."""

from __future__ import annotations

import re
from collections.abc import Iterable

from config.lexicons import Lexicon
from models.results import TextFinding
from models.text.chinese import is_han
from models.text.han_terms import HanTerms
from models.text.hits import Hit, to_findings
from models.text.normalise import ARABIC, View, fold
from models.text.word_terms import WordTerms

DETECTOR = "lexicon"

CHINESE = frozenset({"zh", "yue"})
OTHER_HAN = frozenset({"ja", "ko"})
OTHER_ARABIC = frozenset({"fa", "ur", "ps", "ku", "ug"})
"""Languages in Arabic script whose everyday words look like Arabic insults."""
# fmt: off
OTHER_LATIN = frozenset({
    "af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fil", "fr", "ga",
    "gl", "hr", "hu", "id", "is", "it", "jv", "la", "lt", "lv", "ms", "mt", "nl", "no", "pl",
    "pt", "ro", "sk", "sl", "sq", "su", "sv", "sw", "tl", "tr", "uz", "vi",
})
# fmt: on
"""Languages in Latin script whose everyday words look like English insults (`negro`, `dick`)."""

_KANA = re.compile("[\u3041-\u30ff]")
_LATIN = re.compile("[a-z]")
_ARABIC = re.compile(f"[{ARABIC}]")


class LexiconClassifier:
    """Word lists as a text classifier; blocking, thread-safe, about a millisecond a window."""

    def __init__(self, lexicons: Iterable[Lexicon]) -> None:
        by_language: dict[str, list[Lexicon]] = {}
        for lexicon in lexicons:
            by_language.setdefault(lexicon.language, []).append(lexicon)
        self._chinese = HanTerms(by_language.get("zh", []))
        self._english = WordTerms(by_language.get("en", []))
        self._arabic = WordTerms(by_language.get("ar", []))

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return one finding per label with every place that shows it, the most probable label first.

        The probability is that of the surest term; a Chinese term that only sounds alike counts 0.85 of its
        own. Which lists are read depends on the scripts of the text, and on `language` (ISO 639-1, empty:
        unknown) where a script has several languages:

        - Chinese characters: the Chinese lists, unless the language is Japanese or Korean, or unknown in a
          text that also holds kana;
        - Arabic letters: the Arabic lists, unless the language is another one in that script;
        - Latin letters: the English lists, unless the language is another one in that script. Beside
          Chinese, Arabic, Russian … they are read: English words in such speech are borrowed ones.
        """
        folded = fold(text)
        hits: list[Hit] = []
        if _holds_chinese(folded, language):
            hits += self._chinese.find(folded)
        if language not in OTHER_ARABIC and _ARABIC.search(folded.text):
            hits += self._arabic.find(folded)
        if language not in OTHER_LATIN and _LATIN.search(folded.text):
            hits += self._english.find(folded)
        return to_findings(hits, DETECTOR)


def _holds_chinese(folded: View, language: str) -> bool:
    if language in CHINESE:
        # Latin letters alone may be Chinese too: initials such as those of a curse.
        return bool(folded.text)
    if language in OTHER_HAN or not any(map(is_han, folded.text)):
        return False
    return _KANA.search(folded.text) is None
