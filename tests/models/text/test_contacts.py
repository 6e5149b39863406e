"""Contact details: spoken and written ones are found whole, and numbers of other kinds are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.text.contacts import ContactClassifier

CONTACTS = ContactClassifier()

FOUND: list[tuple[str, dict[str, list[str]], float]] = [
    ("加我QQ一二三四五六七八九", {"qq": ["QQ一二三四五六七八九"]}, 0.95),
    ("加我QQ 123456789", {"qq": ["QQ 123456789"]}, 0.95),
    ("扣扣 3 8 8 9 2 1 4 0", {"qq": ["扣扣 3 8 8 9 2 1 4 0"]}, 0.95),
    ("我的企鹅号是二八八零四一五六", {"qq": ["企鹅号是二八八零四一五六"]}, 0.95),
    ("微信号是abc_12345", {"wechat": ["微信号是abc_12345"]}, 0.95),
    ("加V信 happyday88", {"wechat": ["加V信 happyday88"]}, 0.95),
    ("加薇信一三八零零一三八零零零", {"wechat": ["加薇信一三八零零一三八零零零"]}, 0.95),
    ("VX13800138000", {"wechat": ["VX13800138000"]}, 0.95),
    ("微信同号，138-0013-8000", {"wechat": ["微信同号，138-0013-8000"]}, 0.95),
    ("想要的加我微信，号码是 w x y z 1 2 3 4", {"wechat": ["微信，号码是 w x y z 1 2 3 4"]}, 0.95),
    ("电话幺三八零零幺三八零零零", {"phone": ["电话幺三八零零幺三八零零零"]}, 0.95),
    ("腰三八零零腰三八零零零", {"phone": ["腰三八零零腰三八零零零"]}, 0.7),
    ("138 0013 8000", {"phone": ["138 0013 8000"]}, 0.7),
    ("+86 138 0013 8000", {"phone": ["+86 138 0013 8000"]}, 0.7),
    ("拨打四零零八八八一二三四", {"phone": ["拨打四零零八八八一二三四"]}, 0.95),
    ("400-888-1234", {"phone": ["400-888-1234"]}, 0.7),
    ("打电话零幺零六二三四五六七八", {"phone": ["电话零幺零六二三四五六七八"]}, 0.95),
    ("一三九五五五五一二三四这是我的微信", {"wechat": ["一三九五五五五一二三四这是我的微信"]}, 0.95),
    (
        "call me at five five five, one two three, four five six seven",
        {"phone": ["call me at five five five, one two three, four five six seven"]},
        0.95,
    ),
    ("call us at 1-800-555-0199", {"phone": ["call us at 1-800-555-0199"]}, 0.95),
    (
        "my number is oh seven seven double zero nine double zero one two three",
        {"phone": ["my number is oh seven seven double zero nine double zero one two three"]},
        0.95,
    ),
    (
        "text me on whatsapp plus forty four seven seven zero zero nine hundred one two three",
        {
            "messenger": ["whatsapp plus forty four seven seven zero zero nine hundred one two three"],
            "phone": ["text me on whatsapp plus forty four seven seven zero zero nine hundred one two three"],
        },
        0.95,
    ),
    (
        "add me on whatsapp +44 7700 900123",
        {"messenger": ["whatsapp +44 7700 900123"], "phone": ["whatsapp +44 7700 900123"]},
        0.95,
    ),
    ("my wechat id is johnsmith", {"wechat": ["wechat id is johnsmith"]}, 0.95),
    ("add my wechat j o h n one two three", {"wechat": ["wechat j o h n one two three"]}, 0.95),
    (
        "my instagram is jessica underscore love",
        {"messenger": ["instagram is jessica underscore love"]},
        0.95,
    ),
    ("follow me on snapchat at jenny_99", {"messenger": ["snapchat at jenny_99"]}, 0.95),
    ("my telegram is @cryptoking", {"messenger": ["telegram is @cryptoking"]}, 0.95),
    ("telegram handle cryptoking", {"messenger": ["telegram handle cryptoking"]}, 0.95),
    ("visit www.mystore.com", {"link": ["www.mystore.com"]}, 0.95),
    ("go to my shop dot com", {"link": ["shop dot com"]}, 0.95),
    (
        "w w w dot free money dot com slash promo",
        {"link": ["w w w dot free money dot com slash promo"]},
        0.95,
    ),
    ("上我们的网站三w点八八点com", {"link": ["三w点八八点com"]}, 0.95),
    ("email me at john at gmail dot com", {"link": ["john at gmail dot com"]}, 0.95),
    ("اتصل على ٠٥٠١٢٣٤٥٦٧", {"phone": ["اتصل على ٠٥٠١٢٣٤٥٦٧"]}, 0.95),
    (
        "اتصلوا بنا على صفر خمسة صفر واحد اثنين ثلاثة أربعة خمسة ستة سبعة",
        {"phone": ["اتصلوا بنا على صفر خمسة صفر واحد اثنين ثلاثة أربعة خمسة ستة سبعة"]},
        0.95,
    ),
    ("واتساب 0501234567", {"messenger": ["واتساب 0501234567"], "phone": ["واتساب 0501234567"]}, 0.95),
    ("رقمي 0 5 5 1 2 3 4 5 6 7", {"phone": ["رقمي 0 5 5 1 2 3 4 5 6 7"]}, 0.95),
    ("تابعوني على انستقرام sara_99", {"messenger": ["انستقرام sara_99"]}, 0.95),
    ("تلجرام @cryptoking", {"messenger": ["تلجرام @cryptoking"]}, 0.95),
    ("زوروا موقعنا www.example.com", {"link": ["www.example.com"]}, 0.95),
    ("دوت example دوت كوم", {"link": ["example دوت كوم"]}, 0.8),
]

LEFT_ALONE = [
    "call us at one two three four five six seven",
    "call me on 2024-05-01",
    "call us at 1,999,999",
    "我的微信号 wechat",
    "It was 12345678. This is my phone",
    "a big dot com crash",
    "取值范围 1-3294967294",
    "one two three four five",
    "one two three four five six seven eight nine ten eleven twelve",
    "一二三四五六七八九十",
    "一 二 三 四 五 六 七 八",
    "5 6 7 8 9 10 11 12 13",
    "it was 2024-05-01 and 2023",
    "on 12 05 2024 we met",
    "it costs 1,999,999 dollars",
    "call it one two three four",
    "score is 3-2, then 21 19 and 15 21",
    "at 10:30 or 12:45 tomorrow",
    "三百五十块钱一斤",
    "二零二四年五月一日",
    "今天是2024年5月1日",
    "价格是19999元",
    "我有13800138000块钱",
    "订单号13800138000",
    "快递单号是 1234567890",
    "今天涨了3.14159265",
    "pi is 3.14159265358979",
    "call of duty 2024 came out",
    "the dot com bubble of 2000",
    "my wechat is full of messages",
    "微信里有很多人",
    "微信支付 100 元",
    "QQ音乐有12345首歌",
    "我的微信有五千个好友",
    "线上有12345678人",
    "电话响了三次",
    "he scored 12 15 18 22 points",
    "numbers 13, 45, 67, 89, 10, 0",
    "the phone number of the company changed in 1998",
    "call me maybe",
    "the number is 42",
    "他的手机是 iPhone 15 Pro Max",
    "加我好友吧一起玩",
    "واحد اثنين ثلاثة أربعة خمسة ستة سبعة",
    "في عام 2024 كان السعر 1500 دولار",
    "رقم 7 سجل هدفين",
    "الساعة 10 و 30 دقيقة",
    "the year nineteen eighty four",
    "one thousand two hundred people",
    "my order number is 12345678",
    "room 1234567",
    "bitcoin is at sixty seven thousand",
    "flight number 1234567",
    "5 4 3 2 1 go",
    "telegram is a messenger",
    "I love instagram and snapchat",
    "my line is busy",
    "hold the line 1 2 3",
]


@pytest.mark.parametrize(("text", "shown", "probability"), FOUND, ids=[text for text, *_ in FOUND])
def test_contacts_are_found_with_cue_and_number(
    text: str, shown: dict[str, list[str]], probability: float
) -> None:
    findings = CONTACTS.classify(text, "")
    found = {
        finding.label.label3: [text[span.start : span.end] for span in finding.spans] for finding in findings
    }
    assert found == shown
    assert max(finding.probability for finding in findings) == probability
    assert {finding.label.label2 for finding in findings} == {"contact"}


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert CONTACTS.classify(text, "") == []


def test_several_contacts_in_one_text() -> None:
    text = "加我QQ 20481357，或者微信 abc_123，网址是 www.foo.cn，谢谢"
    found = {finding.label.label3 for finding in CONTACTS.classify(text, "zh")}
    assert found == {"qq", "wechat", "link"}


WORDS = (
    "QQ 微信 电话 call my number one 一 幺 腰 138 0013 8000 5 , . - + @ dot com www at 点 a b 是 我的 اتصل ٥"
    " خمسة واتساب 块 \ud800 \u200d"
)
PIECES = st.sampled_from([*WORDS.split(), " "])


@given(st.one_of(st.text(st.characters(), max_size=80), st.lists(PIECES, max_size=15).map(" ".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_taken_and_spans_lie_within(text: str) -> None:
    for finding in CONTACTS.classify(text, ""):
        assert 0.5 <= finding.probability <= 1
        for span in finding.spans:
            assert 0 <= span.start < span.end <= len(text)
