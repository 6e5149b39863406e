"""The word list classifier: which terms it finds, where, and which it leaves alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.lexicons import load_lexicons
from config.taxonomy import Label, RiskType
from models.results import Span, TextFinding
from models.text.han_terms import HOMOPHONE_FACTOR
from models.text.lexicon import LexiconClassifier
from tests.models.text.lists import PERSONAL, PROFANITY, group, lexicon

ENGLISH = lexicon(
    "en",
    group("bad egg", "asshole", "motherfucker", "you're a pig", "nigga"),
    group("fuck", "ass", label=PROFANITY, probability=0.7),
    group("cock", label=PROFANITY, probability=0.6, exact=True),
    allowed=("cock a doodle", "ox and ass"),
)
CHINESE = lexicon(
    "zh",
    group("草泥马", "死gay", "你个废物", "nmsl"),
    group("脑残", probability=0.8, homophones=True),
    group("傻狗", probability=0.88),
    group("我草", label=PROFANITY, probability=0.6, exact=True),
    allowed=("我草莓", "你个废物利用"),
)
ARABIC = lexicon(
    "ar",
    group("كلب", "ابن الكلب", "حمارة"),
    group("زب", label=PROFANITY, exact=True),
    allowed=("كلب حراسة",),
)
SMALL = LexiconClassifier([ENGLISH, CHINESE, ARABIC])
REAL = LexiconClassifier(load_lexicons())


def found(text: str, language: str) -> list[str]:
    """What was found, in the order of the text."""
    spans = {span for finding in SMALL.classify(text, language) for span in finding.spans}
    return [text[span.start : span.end] for span in sorted(spans, key=lambda each: (each.start, each.end))]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("He's a BAD  egg.", ["BAD  egg"]),
        ("ｂａｄ-egg", ["ｂａｄ-egg"]),
        ("what the fuuuuuckkkk", ["fuuuuuckkkk"]),
        ("Asssshole!", ["Asssshole"]),
        ("f u c k and f-u-c-k and F.U.C.K.", ["f u c k", "f-u-c-k", "F.U.C.K"]),
        ("I f u c k", ["f u c k"]),
        ("a$$hole, 4ssh0l3, @sshole", ["a$$hole", "4ssh0l3", "@sshole"]),
        ("you mother fucker", ["mother fucker"]),
        ("You’re a pig, youre a pig", ["You’re a pig", "youre a pig"]),
        ("the fück’s", ["fück"]),
        ("我说fuck你", ["fuck"]),
    ],
)
def test_english_terms_are_found_however_they_are_written(text: str, hits: list[str]) -> None:
    assert found(text, "en") == hits


@pytest.mark.parametrize(
    "text",
    [
        "assassin, class, assess, Scunthorpe, cocktail, peacock",
        "spelled c o c k r o a c h",
        "coooock c0ck",
        "cock-a-doodle-doo",
        "the ox and ass",
        "Niger, Nigeria",
        "bad. Eggs",
    ],
)
def test_english_words_that_only_look_alike_are_left_alone(text: str) -> None:
    assert found(text, "en") == []


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("你这个草泥马啊", ["草泥马"]),
        ("草 泥，马", ["草 泥，马"]),
        ("你個廢物", ["你個廢物"]),
        ("曹妮玛你", ["曹妮玛"]),
        ("真是脑惨", ["脑惨"]),
        ("死GAY滚", ["死GAY"]),
        ("n m s l", ["n m s l"]),
        ("我草，又来", ["我草"]),
        ("真是傻狗", ["傻狗"]),
        ("他说you are a motherfucker", ["motherfucker"]),
    ],
)
def test_chinese_terms_are_found_by_character_and_by_sound(text: str, hits: list[str]) -> None:
    assert found(text, "zh") == hits


@pytest.mark.parametrize(
    "text",
    [
        "我草莓很多",
        "给我 草原的风",
        "沙狗",
        "死gays",
        "你个废物利用吧",
        "你隔费勿利用",
        "草。泥马路",
        "anmsla",
    ],
)
def test_chinese_text_that_only_looks_alike_is_left_alone(text: str) -> None:
    assert found(text, "zh") == []


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("يا كَلْب", ["كَلْب"]),
        ("والكلب وبالكلب", ["والكلب", "وبالكلب"]),
        ("يا إبن الكـــلب", ["إبن الكـــلب"]),
        ("حماره", ["حماره"]),
        ("كلللللب", ["كلللللب"]),
        ("الزب", ["الزب"]),
    ],
)
def test_arabic_terms_are_found_with_clitics_and_spellings(text: str, hits: list[str]) -> None:
    assert found(text, "ar") == hits


@pytest.mark.parametrize("text", ["كلبة", "مكلب", "عندي كلب حراسة", "بزب", "زبدة"])
def test_arabic_words_that_only_look_alike_are_left_alone(text: str) -> None:
    assert found(text, "ar") == []


@pytest.mark.parametrize(
    ("text", "language", "count"),
    [
        ("草泥马", "", 1),
        ("草泥马", "yue", 1),
        ("草泥马", "en", 1),
        ("草泥马", "ja", 0),
        ("草泥马です", "", 0),
        ("كلب", "", 1),
        ("كلب", "fa", 0),
        ("fuck", "", 1),
        ("fuck", "ru", 1),
        ("fuck", "es", 0),
        ("nmsl", "zh", 1),
        ("nmsl", "en", 0),
        ("", "zh", 0),
    ],
)
def test_script_and_language_choose_the_lists(text: str, language: str, count: int) -> None:
    assert len(SMALL.classify(text, language)) == count


def test_one_finding_per_label_holds_every_place_and_the_highest_probability() -> None:
    text = "曹妮玛！脑残，草泥马"
    assert SMALL.classify(text, "zh") == [
        TextFinding(PERSONAL, 0.9, (Span(0, 3), Span(4, 6), Span(7, 10)), "lexicon")
    ]
    [by_sound] = SMALL.classify("曹妮玛", "zh")
    assert by_sound.probability == pytest.approx(0.9 * HOMOPHONE_FACTOR)


def test_the_surest_label_comes_first() -> None:
    assert [finding.label for finding in SMALL.classify("fuck, bad egg", "en")] == [PERSONAL, PROFANITY]


def test_an_allowed_phrase_counts_only_within_its_own_list() -> None:
    other = Label(RiskType.PORN, "explicit", "organ")
    both = LexiconClassifier(
        [
            lexicon("en", group("cock"), allowed=("cock a doodle",)),
            lexicon("en", group("cock a", label=other)),
        ]
    )
    assert [finding.label for finding in both.classify("cock a doodle", "en")] == [other]


def test_no_lists_find_nothing() -> None:
    assert LexiconClassifier([]).classify("fuck 草泥马 كلب", "") == []


@given(st.text(st.characters(), max_size=80), st.sampled_from(["zh", "en", "ar", "ja", "fr", ""]))
@settings(max_examples=150, deadline=None)
def test_any_text_is_taken_and_spans_lie_within(text: str, language: str) -> None:
    for finding in REAL.classify(text, language):
        assert 0 < finding.probability <= 1
        assert finding.spans
        for span in finding.spans:
            assert 0 <= span.start < span.end <= len(text)


WORDS = st.sampled_from(
    [
        "fuck",
        "you",
        "a",
        "$",
        "1",
        "草泥",
        "马",
        " ",
        "，",
        "كلب",
        "ال",
        "’",
        "u",
        "\u200d",
        "\ud800",
        "Ⅷ",
        "ﷺ",
    ]
)


@given(st.lists(WORDS, max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_spans_of_mixed_scripts_hold_what_was_found(text: str) -> None:
    for finding in SMALL.classify(text, ""):
        for span in finding.spans:
            assert 0 <= span.start < span.end <= len(text)
            assert text[span.start].isalnum() or text[span.start] in "$1"
