"""Finds contact details that are spoken or written: numbers, account names, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from config.taxonomy import Label, RiskType
from models.results import TextFinding
from models.text.cues import Cues, Kind, Surroundings
from models.text.digits import DigitRun, find_runs
from models.text.hits import Hit, to_findings
from models.text.links import find_links
from models.text.normalise import View, fold

DETECTOR = "contacts"

QQ = Label(RiskType.AD, "contact", "qq")
WECHAT = Label(RiskType.AD, "contact", "wechat")
PHONE = Label(RiskType.AD, "contact", "phone")
MESSENGER = Label(RiskType.AD, "contact", "messenger")
LINK = Label(RiskType.AD, "contact", "link")
LABELS = {Kind.QQ: QQ, Kind.WECHAT: WECHAT, Kind.PHONE: PHONE, Kind.MESSENGER: MESSENGER}

WITH_CUE = 0.95
NUMBER_ALONE = 0.70
"""A number that can only be a telephone number, without a word that says so."""

LENGTHS = {Kind.QQ: (5, 11), Kind.WECHAT: (6, 20), Kind.PHONE: (7, 15), Kind.MESSENGER: (7, 15)}
"""How many digits: QQ numbers have 5 to 11, WeChat names 6 to 20 characters, E.164 telephone numbers at most
15 (7 without any code)."""
MAX_WORDS_BEHIND = 8
MIN_DISTINCT_DIGITS = 3
SEQUENCE = "01234567890123456789"
"""Numbers that are made up (+00000000, +0123456789) are not taken without a cue."""

_MOBILE = re.compile(r"(?:0?0?86)?1[3-9]\d{9}")
_SERVICE = re.compile(r"[48]00\d{7}")
_TOLL_FREE = re.compile(r"1?8(?:00|33|44|55|66|77|88)\d{7}")
_DATE = re.compile(r"(?:19|20)\d\d[-.]?[01]?\d[-.]?[0-3]?\d|[0-3]?\d[-.][01]?\d[-.](?:19|20)\d\d")
_COUNTED = re.compile(
    r"\s*(?:[%％$€£¥]|percent|dollars?|bucks|euros?|pounds?|yuan|rmb|thousand|million|billion|k(?![a-z])|years?|[ap]\.?m\b"
    r"|o'?clock|minutes?|seconds?|hours?|days?|weeks?|months?|points?|people|viewers|followers|subscribers|likes|views|miles"
    r"|kilomet|degrees|times"
    r"|元|块|万|亿|年|月|日|分钟|分(?!享)|秒|岁|个|人|次|斤|公斤|米|公里|度|只|件|票|天|名|位|步|粉丝"
    r"|دولار|ريال|درهم|جنيه|دينار|سنه|سنوات|يوم|ايام|ساعه|دقيقه|بالميه|شخص|مشاهد|متابع|الف|مليون|كيلو)"
)
_SENTENCE_END = re.compile("[.。]")
_SAYING = re.compile(r"是|我们?|这个?|is|my|our|هو|هذا")
_CURRENCY = re.compile(r"(?:[$€£¥#№]|usd|rmb|人民币|第)\s*$")
_NAME = re.compile(r"@?[a-z][a-z0-9_.-]{2,29}(?![a-z0-9_])")
_MARK = r"(?:underscore|under\sscore|dash|dot|hyphen|下划线|杠|点)"
_PIECE = (
    rf"(?:{_MARK}|[a-z](?![a-z])|\d+|zero|oh|one|two|three|four|five|six|seven|eight|nine"
    r"|[零一二三四五六七八九幺])"
)
_SPELLED = re.compile(rf"[a-z](?![a-z])(?:[\s,，-]{{0,2}}{_PIECE}(?![a-z])){{3,}}")
_COMPOSED = re.compile(
    r"[a-z][a-z0-9]*(?:\s?(?:underscore|under\sscore|下划线|dot|dash)\s?[a-z0-9]+)+(?![a-z0-9])"
)
_LATIN = re.compile("[a-z]")
_TELLING = re.compile(r"[0-9_]|^@")
_COMMON_NAME = re.compile(
    r"@?(?:the|and|for|you|your|not|now|but|all|are|was|has|have|with|from|this|that|what|when|here|there|very|really"
    r"|wechat|weixin|whatsapp|telegram|instagram|snapchat|facebook|discord|app|iphone|android|group|account|number|name|id|qq"
    r"|vip|link|bio|description|below|video|live|ok|okay|hello|please|thanks|available|required|verified|private|public|mobile)"
)


class ContactClassifier:
    """Contact details as a text classifier for Chinese, English and Arabic; blocking, thread-safe, about a
    millisecond a window.
    """

    def classify(self, text: str, language: str) -> list[TextFinding]:
        """Return one finding per kind of contact: `contact.qq`, `.wechat`, `.phone`, `.messenger`, `.link`.

        A number or name beside a word that says what it is (微信, `call us at`) has probability 0.95, and its
        span holds both. Without such a word only what can be nothing else counts, with 0.70: Chinese mobile
        and service numbers, toll-free numbers, numbers with a plus. All languages are read at once.
        """
        folded = fold(text)
        original = text if len(folded.text) == len(text) else folded.text
        hits = [
            Hit(LINK, probability, folded.span(start, end))
            for start, end, probability in find_links(folded.text, original)
        ]
        cues = Cues(folded.text)
        hits += _numbers(folded, cues)
        hits += _names(folded, cues)
        return to_findings(hits, DETECTOR)


def _numbers(folded: View, cues: Cues) -> Iterator[Hit]:
    for run in find_runs(folded.text):
        for reading in run.readings():
            hits = list(_number(folded, cues, reading))
            yield from hits
            if hits:
                break


def _number(folded: View, cues: Cues, run: DigitRun) -> Iterator[Hit]:
    text = folded.text
    if _COUNTED.match(text, run.end) or _CURRENCY.search(text, 0, run.start):
        return
    if _DATE.fullmatch(text, run.start, run.end):
        return
    before, after = cues.before(run.start), cues.after(run.end)
    if before.is_reference:
        return
    found = False
    for kind in before.kinds or _named_after(after, text):
        if _fits(run, kind):
            found = True
            span = folded.span(*_extent(run.start, run.end, kind, before, after))
            yield Hit(LABELS[kind], WITH_CUE, span)
            if kind is Kind.MESSENGER and Kind.PHONE not in before.kinds:
                yield Hit(PHONE, WITH_CUE, span)
    if not found and _is_telephone(run, text):
        plus = text[: run.start].endswith("+")
        yield Hit(PHONE, NUMBER_ALONE, folded.span(run.start - plus, run.end))


def _named_after(after: Surroundings, text: str) -> frozenset[Kind]:
    """The kinds named behind a number: `… 是我的微信`, `… is my number`; not those of the next sentence."""
    named: set[Kind] = set()
    is_said = False
    for index, word in enumerate(after.words[:MAX_WORDS_BEHIND]):
        if word.kind in LABELS:
            if is_said or (index == 0 and word.kind in {Kind.QQ, Kind.WECHAT}):
                named.add(word.kind)
        elif _SENTENCE_END.fullmatch(text, word.start, word.end):
            break
        else:
            is_said = is_said or _SAYING.fullmatch(text, word.start, word.end) is not None
    return frozenset(named)


def _fits(run: DigitRun, kind: Kind) -> bool:
    digits = run.digits
    least, most = LENGTHS[kind]
    if run.is_counting and kind in {Kind.PHONE, Kind.MESSENGER}:
        return False
    if not least <= len(digits) <= most or not run.is_one_number:
        return False
    return kind is not Kind.QQ or digits[0] != "0"


def _is_telephone(run: DigitRun, text: str) -> bool:
    digits = run.digits
    before, after = text[: run.start][-1:], text[run.end : run.end + 1]
    if run.is_counting or not run.is_one_number or _LATIN.match(before) or _LATIN.match(after):
        return False
    if len(set(digits)) < MIN_DISTINCT_DIGITS or digits in SEQUENCE:
        return False
    if before == "+" and not text[: run.start - 1][-1:].isalnum():
        return 8 <= len(digits) <= LENGTHS[Kind.PHONE][1]
    if _MOBILE.fullmatch(digits):
        # `1-4294967294` is a range.
        first = run.items[0]
        return not (first.written and len(first.digits) == 1 and len(run.items[1].digits) > 1)
    grouped = len(run.items) > 1 or digits.startswith("400")
    return grouped and bool(_SERVICE.fullmatch(digits) or _TOLL_FREE.fullmatch(digits))


def _names(folded: View, cues: Cues) -> Iterator[Hit]:
    """Account names behind a cue: `wechat id is …`, `my instagram is a_b`, letters spelled one by one."""
    for word in cues.words:
        if word.kind not in {Kind.WECHAT, Kind.MESSENGER}:
            continue
        position, is_named = _skip_fillers(folded.text, cues, word.end)
        end = _name_end(folded.text, position, is_named=is_named)
        if end is not None:
            yield Hit(LABELS[word.kind], WITH_CUE, folded.span(word.start, end))


def _skip_fillers(text: str, cues: Cues, position: int) -> tuple[int, bool]:
    """Return where the fillers behind a cue end, and whether they announce an account name."""
    is_named = False
    end = position
    for word in cues.after(position).words:
        if word.kind in {Kind.WECHAT, Kind.MESSENGER}:
            break
        if word.end - word.start == 1 and text[word.start] in "@+":
            break
        is_named = is_named or word.kind is Kind.ACCOUNT
        end = word.end
    while end < len(text) and text[end].isspace():
        end += 1
    return end, is_named


def _name_end(text: str, position: int, *, is_named: bool) -> int | None:
    for pattern in (_SPELLED, _COMPOSED):
        match = pattern.match(text, position)
        if match:
            return match.end()
    match = _NAME.match(text, position)
    if match is None or _COMMON_NAME.fullmatch(match.group()):
        return None
    if is_named or _TELLING.search(match.group()):
        return match.end()
    return None


def _extent(start: int, end: int, kind: Kind, before: Surroundings, after: Surroundings) -> tuple[int, int]:
    """The range that holds a number and the nearest cue of its kind."""
    cue = before.cue(kind)
    if cue is not None:
        return cue.start, end
    cue = after.cue(kind)
    return (start, cue.end) if cue is not None else (start, end)
