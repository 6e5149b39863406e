"""Words that say a contact follows (`my WeChat is …`), told apart from fillers and from everything else."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a stretch of text is to a contact beside it."""

    QQ = "qq"
    WECHAT = "wechat"
    PHONE = "phone"
    MESSENGER = "messenger"
    ACCOUNT = "account"
    """A filler that says an account name follows: `id`, `handle`, 号."""
    JOIN = "join"
    """A filler that asks to be added: 加, `add`, `follow`."""
    FILLER = "filler"
    REFERENCE = "reference"
    """A number that is no contact follows: an order, a room, a card."""
    OTHER = "other"


MAX_WORDS_BETWEEN = 12

_L = r"(?<![a-z])"
_R = r"(?![a-z])"
_A = r"(?<!\w)(?:[وفبل]|ال|وال|بال|عال|لل)?"
_WORD = re.compile(
    rf"""(?P<reference>{_L}(?:order|ticket|tracking|serial|card|invoice|room|flight|case|item|lot|model|part|error|code
        |passport|bank|reference|jersey|player|bus|train)(?:\s(?:number|no))?{_R}
        |订单号?|单号|快递|身份证|学号|卡号|银行卡|房间号?|编号|车次|航班|验证码|密码|邮编|股票|代码|工号
        |{_A}(?:طلب|بطاقه|حساب|رحله|غرفه|كود|الرمز)(?!\w))
    | (?P<qq>{_L}q\s?q(?:\s?(?:群|号))?{_R}|扣扣|叩叩|抠抠|蔻蔻|企鹅(?:号|群)?|(?:加\s?|\+)q(?:群|号)?{_R}
        |{_L}q(?:群|号)|球球号|秋秋号)
    | (?P<wechat>微信|薇信|威信|维信|徽信|卫星号|绿泡泡|{_L}v\s?x{_R}|{_L}w\s?x{_R}|{_L}v\s?信
        |(?:加\s?|\+)v(?:\s?信|{_R})|加\s?[微薇威]信?|{_L}we\s?chat{_R}|{_L}wei\s?xin{_R}|{_A}(?:ويشات|وي\sشات|وي\sتشات)(?!\w))
    | (?P<messenger>{_L}(?:whats\s?app|telegram|tg|viber|zalo|imo|botim|skype|kik|snap\s?chat
        |instagram|insta|ig|discord|kakao(?:\s?talk)?|(?:on|my)\ssignal|facebook|messenger|my\s(?:snap|line)
        |(?:add|find|follow|hit)\s(?:me|us)\s(?:up\s)?on\s(?:snap|line|x|twitter|tiktok)|line\sid|my\s(?:twitter|tiktok|x)\shandle){_R}
        |电报|纸飞机|飞机号|小红书号?|抖音号|快手号
        |{_A}(?:واتس\s?اب|واتساب|واتس|تلجرام|تليجرام|تيليجرام|تلغرام|سناب(?:\s?شات)?|انست[اجقغ]\w*|فايبر)(?!\w))
    | (?P<phone>{_L}(?:call(?:\sin)?|text|phone|telephone|tel|dial|ring|cell|mobile|hotline|sms|toll[\s-]free
        |(?:reach|contact)(?:\s(?:me|us|him|her))?|(?:my|our|his|her|their|contact|business|office|this)\snumber){_R}
        |电话|手机|座机|热线|联系方式|联系|拨打|致电|来电|打给我|号码|咨询
        |{_A}(?:اتصل\w*|اتصال|هاتف\w*|تلفون\w*|تليفون\w*|جوال\w*|موبايل\w*|محمول\w*|رقم(?:ي|نا)?
        |كلمني|كلمنا|كلموني|تواصل\w*|خط\sالساخن)(?!\w))
    | (?P<account>{_L}(?:id|handle|user\s?name|account){_R}|账号|帐号|名字|号|同号
        |{_A}(?:ايدي|يوزر|معرف\w*)(?!\w)|@)
    | (?P<join>{_L}(?:add|follow|find|hit|message|dm|search){_R}|加|搜|关注
        |{_A}(?:ضيف\w*|اضف\w*|تابع\w*)(?!\w))
    | (?P<filler>{_L}(?:number|no|is|are|at|me|us|on|now|today|my|our|the|this|to|and|or|you|can|just|please
        |it|'?s|it's|via|by|with|through|that|up|following|here|again|once|more|plus|uh|um|so){_R}
        |是|为|就|我们?|的|也|群|打|在|这个?|一下|主播|老师|请|记|哈|呢|啊|吧|了|本人|个人|大家|可以|直接|私人|也可以|专线|客服|和|或
        |{_A}(?:هو|هي|علي|عليه|بنا|بي|لنا|معنا|معي|التالي|هذا|هذه|الان|عبر|ب|و|مباشره|او)(?!\w)|[+()'"“”\-—–:：,，、.。])
    | (?P<other>[a-z]+(?:'[a-z]+)?|\d+|\w|[^\w\s])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A stretch `[start, end)` of a folded text."""

    kind: Kind
    start: int
    end: int


CONTACTS = frozenset({Kind.QQ, Kind.WECHAT, Kind.PHONE, Kind.MESSENGER})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The words beside a number or a name that belong to it: cues and the fillers between them."""

    words: tuple[Word, ...]
    is_reference: bool
    """Whether they end at a word that makes the number something else."""

    def cue(self, kind: Kind) -> Word | None:
        """Return the first word of a kind."""
        return next((word for word in self.words if word.kind is kind), None)

    @property
    def kinds(self) -> frozenset[Kind]:
        """Return the kinds of contact that are named."""
        return frozenset(word.kind for word in self.words) & CONTACTS


class Cues:
    """A folded text as cues, fillers and other words."""

    def __init__(self, text: str) -> None:
        self.words = [
            Word(Kind(match.lastgroup or Kind.OTHER), *match.span()) for match in _WORD.finditer(text)
        ]
        self._starts = [word.start for word in self.words]
        self._ends = [word.end for word in self.words]

    def before(self, position: int) -> Surroundings:
        """Return the cues that lead to `position`, in the order of the text."""
        last = bisect_right(self._ends, position)
        return self._collect(self.words[index] for index in range(last - 1, -1, -1))

    def after(self, position: int) -> Surroundings:
        """Return the cues that follow `position`, the nearest first."""
        first = bisect_left(self._starts, position)
        return self._collect(iter(self.words[first : first + MAX_WORDS_BETWEEN + 1]))

    def _collect(self, words: Iterator[Word]) -> Surroundings:
        taken: list[Word] = []
        reference = False
        for word in words:
            if word.kind is Kind.REFERENCE:
                reference = not any(each.kind in CONTACTS for each in taken)
                break
            if word.kind is Kind.OTHER or len(taken) == MAX_WORDS_BETWEEN:
                break
            taken.append(word)
        return Surroundings(tuple(taken), reference)
