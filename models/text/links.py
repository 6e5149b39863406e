"""Web and mail addresses, written and spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator

PLAIN = 0.70
"""A domain that is only named: it may be talked about."""
SPOKEN = 0.80
"""`something dot com`."""
CERTAIN = 0.95
"""With www, a scheme, a path, or a request to go there."""

_TLD = (
    "com|net|org|cn|cc|top|vip|io|shop|store|xyz|tv|info|biz|club|site|online|link|gg|app|live|dev|ru|uk|de|fr|sa|ae"
    "|eg|in|us|ca|au|hk|tw|jp|kr"
)
_SPOKEN_TLD = rf"{_TLD}|me|co|ly|康姆|抗姆|靠姆|扣姆|كوم|نت"
_PATH = r"(?:/[^\s,。，、！!?？]*)?"
_DOT = r"\s*(?:点|(?<![a-z])dot(?![a-z])|نقطه|دوت)\s*"
_NAME = r"(?:(?:[a-z0-9]\s){2,}[a-z0-9]|[a-z0-9][a-z0-9-]*|[零一二三四五六七八九幺]+)"
_WWW = (
    r"(?:(?<![a-z])w[\s.]?w[\s.]?w(?![a-z])|三个?\s?w|3\s?w"
    r"|triple\s(?:double\su|w)|double\su\sdouble\su\sdouble\su)"
)
_SLASH = r"(?:\s*(?:(?:forward\s)?slash|斜杠)\s*[a-z0-9_-]+)*"

_WRITTEN = re.compile(
    rf"""(?P<sure>https?://[^\s,。，、]+ | (?<![a-z0-9])www\.[a-z0-9-]+(?:\.[a-z0-9-]+)+{_PATH})
    | (?P<mail>(?<![\w.+-])[a-z0-9][\w.+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{{2,}})
    | (?<![\w@.-])(?P<domain>(?:[a-z0-9][a-z0-9-]*\.)+(?:{_TLD})(?![\w-]|\.[a-z]))(?P<path>{_PATH})""",
    re.VERBOSE,
)
_SPOKEN = re.compile(
    rf"(?:(?P<www>{_WWW}{_DOT}(?:[a-z0-9-]+\s){{0,3}})|(?P<at>(?<![a-z0-9_.])[a-z0-9_.]+\s(?:at|艾特)\s))?"
    rf"(?<![a-z0-9-])(?P<name>{_NAME})(?:{_DOT}{_NAME}){{0,2}}{_DOT}(?:{_SPOKEN_TLD})(?![a-z])(?P<path>{_SLASH})"
)
_TALKED_ABOUT = re.compile(
    r"\s(?:bubble|boom|crash|bust|era|years|company|companies|startups?|billionaires?)\b"
)
_NO_NAME = re.compile(
    r"(?:an?|the|that|this|these|those|of|to|and|or|is|are|in|on|with|for|by|from|our|your|my)"
)
_INVITATION = re.compile(
    r"(?<![a-z])(?:visit|go\sto|check\s(?:out|us)|head\s(?:to|over)|log\son|sign\sup|order|shop|website|web\ssite|site|link"
    r"|online|register|find\s(?:me|us|it)|download|available)(?![a-z])"
    r"|网址|官网|网站|登录|登陆|访问|搜索|点击|链接|打开|进入|上我们|注册|下载|موقع|زوروا|رابط|ادخل|سجل"
)
_INVITATION_CHARACTERS = 40


def find_links(text: str, original: str) -> Iterator[tuple[int, int, float]]:
    """Yield (start, end, probability) of every address in a folded text.

    `original`: the text before folding if it has the same length, to tell `end.In` (a missing space) from
    a domain; else the folded text again.
    """
    for match in _WRITTEN.finditer(text):
        if match["domain"] and not _is_domain(original[match.start("domain") : match.end("domain")]):
            continue
        sure = bool(match["sure"] or match["mail"] or match["path"]) or _is_invited(text, match.start())
        yield match.start(), match.end(), CERTAIN if sure else PLAIN
    for match in _SPOKEN.finditer(text):
        if not match["www"] and (_NO_NAME.fullmatch(match["name"]) or _TALKED_ABOUT.match(text, match.end())):
            continue
        sure = bool(match["www"] or match["at"] or match["path"]) or _is_invited(text, match.start())
        yield match.start(), match.end(), CERTAIN if sure else SPOKEN


def _is_domain(written: str) -> bool:
    """Say whether a name with dots is a domain rather than the end of a sentence without its space."""
    name, _, end = written.rpartition(".")
    if end[:1].isupper() and not end.isupper():
        return False
    return not name.replace(".", "").isdigit()


def _is_invited(text: str, start: int) -> bool:
    return _INVITATION.search(text, max(0, start - _INVITATION_CHARACTERS), start) is not None
