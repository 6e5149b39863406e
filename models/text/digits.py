"""Digits as they are written and as they are read aloud in Chinese, English and Arabic."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_ENGLISH_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_ENGLISH = {word: str(value) for value, word in enumerate(_ENGLISH_NAMES.split())}
_ENGLISH |= dict.fromkeys(("nought", "oh", "o"), "0")
_TENS_NAMES = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: str(value) for value, word in enumerate(_TENS_NAMES.split(), start=2)}
_TIMES = {"double": 2, "triple": 3, "دبل": 2}
_HAN = dict(zip("零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺", "01234567891234567891", strict=True))
_HAN_WEAK = dict(zip("洞妖腰夭要两俩拐勾", "011112279", strict=True))
"""Radio speech (洞 拐 勾), and how recognisers write 幺; digits only between or beside others."""
# As models.text.normalise folds them: ه for ة, ا for أ. Spellings of one digit are parted by strokes.
_ARABIC_NAMES = (
    "صفر/زيرو واحد اثنين/اتنين/اثنان/تنين ثلاثه/تلاته/ثلاث اربعه/اربع خمسه/خمس سته/ست سبعه/سبع"
    " ثمانيه/تمانيه/تمنيه/ثمان تسعه/تسع عشره"
)
_ARABIC = {word: str(value) for value, words in enumerate(_ARABIC_NAMES.split()) for word in words.split("/")}
_UNITS = "|".join(word for word, digits in _ENGLISH.items() if len(digits) == 1)

_ITEM = re.compile(
    rf"""(?P<number>[0-9]+)
    | (?<![a-z])(?P<times>double|triple)[\s-]+(?P<repeated>{_UNITS}|[0-9](?![0-9]))(?![a-z])
    | (?<![a-z])(?P<tens>{"|".join(_TENS)})(?:[\s-]+(?P<unit>{_UNITS}))?(?![a-z])
    | (?<![a-z'])(?P<english>{"|".join(sorted(_ENGLISH, key=len, reverse=True))})(?![a-z'])
      (?P<hundred>\s+hundred(?![a-z]))?
    | (?P<han>[{"".join(_HAN)}])
    | (?P<weak>[{"".join(_HAN_WEAK)}])
    | (?<!\w)و?(?P<arabic>{"|".join(sorted(_ARABIC, key=len, reverse=True))})(?!\w)""",
    re.VERBOSE,
)
_GAP = re.compile(r"[\s\-–—()]{0,3}[,、]?[\s\-–—()]{0,2}")
_LARGE = re.compile(r"[十百千万亿]")


@dataclass(frozen=True, slots=True)
class Item:
    """One number of a run, at `[start, end)`: a digit read aloud, or digits written together."""

    digits: str
    start: int
    end: int
    weak: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Numbers that follow each other with nothing but gaps between them."""

    items: tuple[Item, ...]
    has_commas: bool
    """Whether numbers are parted by commas: a list, or an amount, rather than one number."""

    @property
    def digits(self) -> str:
        """All digits in a row."""
        return "".join(item.digits for item in self.items)

    @property
    def start(self) -> int:
        """Where the run begins."""
        return self.items[0].start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.items[-1].end

    @property
    def is_counting(self) -> bool:
        """Whether somebody counts up, down or in equal steps rather than reads a number out."""
        values = [int(item.digits) for item in self.items if len(item.digits) <= 3]
        if len(values) < 4 or len(values) < len(self.items):
            return False
        steps = [right - left for left, right in pairwise(values)]
        return len(set(steps)) == 1 or max(steps.count(1), steps.count(-1)) > 0.85 * len(steps)

    @property
    def is_one_number(self) -> bool:
        """Whether the grouping is that of one long number: all single digits, or few groups of several."""
        groups: list[int] = []
        single = False
        for item in self.items:
            length = len(item.digits)
            if length == 1 and single:
                groups[-1] += 1
            else:
                groups.append(length)
            single = length == 1
        if all(len(item.digits) <= 2 for item in self.items):
            # Read aloud, perhaps with a `double` or a `thirty-eight` among the digits; not a list of numbers.
            return not (self.has_commas and any(item.written and len(item.digits) > 1 for item in self.items))
        return not self.has_commas and len(groups) <= 5 and min(groups[1:], default=2) >= 2

    def readings(self) -> Iterator[DigitRun]:
        """Yield the run, and what remains without the doubtful digits at its ends."""
        yield self
        items = self.items
        if items[-1].weak and len(items) > 1:
            yield DigitRun(items[:-1], self.has_commas)
        if items[0].weak and len(items) > 1:
            yield DigitRun(items[1:], self.has_commas)
            if items[-1].weak and len(items) > 2:
                yield DigitRun(items[1:-1], self.has_commas)


def find_runs(text: str) -> list[DigitRun]:
    """Return the runs of digits in a folded text (`models.text.normalise.fold`), in order.

    Numbers with Chinese units of ten and more (三百五) are amounts, not digits: they end a run.
    """
    runs: list[DigitRun] = []
    items: list[Item] = []
    commas = False
    for item in _items(text):
        gap = text[items[-1].end : item.start] if items else ""
        if items and not _joins(gap, items[-1], item):
            runs.append(DigitRun(tuple(items), commas))
            items, commas = [], False
        elif items and ("," in gap or "、" in gap):
            commas = True
        items.append(item)
    if items:
        runs.append(DigitRun(tuple(items), commas))
    return [run for run in runs if not all(item.weak for item in run.items)]


def _items(text: str) -> Iterator[Item]:
    for match in _ITEM.finditer(text):
        start, end = match.span()
        if _LARGE.match(text, end) or (start and _LARGE.match(text, start - 1)):
            continue
        if match["number"]:
            yield Item(match["number"], start, end, written=True)
        elif match["times"]:
            digit = _ENGLISH.get(match["repeated"], match["repeated"])
            yield Item(digit * _TIMES[match["times"]], start, end)
        elif match["tens"]:
            yield Item(_TENS[match["tens"]] + _ENGLISH.get(match["unit"] or "", "0"), start, end)
        elif match["english"]:
            weak = match["english"] in {"o", "oh"}
            yield Item(_ENGLISH[match["english"]] + ("00" if match["hundred"] else ""), start, end, weak)
        elif match["han"]:
            yield Item(_HAN[match["han"]], start, end)
        elif match["weak"]:
            yield Item(_HAN_WEAK[match["weak"]], start, end, weak=True)
        else:
            yield Item(_ARABIC[match["arabic"]], start, end)


def _joins(gap: str, left: Item, right: Item) -> bool:
    """Say whether two numbers belong to one run, by what stands between them."""
    if gap == ".":
        return len(left.digits) >= 3 and len(right.digits) >= 3
    return _GAP.fullmatch(gap) is not None
