"""Speech that must not pass: at least five sentences per risk type and language, found as the right risk."""

from __future__ import annotations

import pytest

from tests.models.text.readers import risks

CHINESE = {
    "ABUSE": [
        "你就是个傻逼，滚出我的直播间",
        "操你妈的，会不会玩啊",
        "曹尼玛的什么垃圾队友",
        "你个废物东西活着浪费空气",
        "我要弄死你全家，你给我等着",
        "这种贱人就应该去死吧",
    ],
    "PORN": [
        "哥哥想不想看我脱光衣服",
        "晚上约炮吗，来我酒店房间",
        "裸聊一对一，私聊我",
        "有没有黄色视频资源发给我",
        "我想舔你的奶子",
    ],
    "AD": [
        "加我微信 abc12345，有优惠",
        "有需要的加QQ群一二三八八九七五",
        "电话一三九幺二三四五六七八，欢迎来电",
        "日结兼职，在家就能赚钱，加我微信",
        "无抵押贷款，秒到账，不看征信",
        "登录三个w点八八八点com注册领红包",
    ],
    "BAN": [
        "我这里有冰毒卖，货到付款",
        "网上赌场首充送彩金，来澳门赌场玩百家乐",
        "出售仿真枪支弹药，需要的联系我",
        "代办假身份证和假文凭",
        "不想活了，我想割腕自杀",
        "高价收购肾源，卖肾的找我",
    ],
    "VIOLENT": [
        "我们要去炸商场，发动恐怖袭击",
        "加入伊斯兰国参加圣战",
        "他提刀砍人，一刀捅死了对方",
        "教大家怎么杀人不留痕迹",
        "把他绑起来虐杀，剥皮抽筋",
    ],
    "POLITICS": [
        "打倒共产党，推翻独裁统治",
        "台湾独立万岁，我们要独立建国",
        "法轮大法好，天灭中共",
        "光复香港，时代革命",
        "六四屠杀的真相永远不能忘记",
    ],
    "ADLAW": [
        "我们的产品全国销量第一，全网最低价",
        "这个药包治百病，无效退款",
        "吃了这个三天根治糖尿病",
        "投资零风险，保本保息，稳赚不赔",
        "国家级配方，顶级品质，绝无仅有",
    ],
}

ENGLISH = {
    "ABUSE": [
        "Shut up you fucking moron, nobody asked you",
        "You're a piece of shit and everybody hates you",
        "Go kill yourself, you worthless loser",
        "What a bunch of fucking idiots on this team",
        "I will find you and kill you",
        "You f-u-c-k-i-n-g bitch",
    ],
    "PORN": [
        "Show me your boobs baby",
        "I want to suck your cock right now",
        "Come to my hotel room and let's fuck",
        "She is masturbating on camera for tips",
        "Book our escort service, girls available tonight",
    ],
    "AD": [
        "Use my promo code for twenty percent off your first order",
        "Call us now at eight hundred five five five one two one two",
        "Add me on WhatsApp plus one two one two five five five zero one nine nine",
        "Visit our website at www dot cheap deals dot com",
        "Work from home and earn five thousand dollars a week",
        "My wechat id is sunny_8899",
    ],
    "BAN": [
        "I'm selling cocaine and meth, hit me up",
        "Come play at our online casino and place your bets",
        "You can buy a ghost gun without a background check",
        "We sell fake passports and fake ids",
        "I want to kill myself tonight, I can't go on",
    ],
    "VIOLENT": [
        "Join ISIS and fight the holy war",
        "I'm going to shoot up the school tomorrow",
        "I have a bomb and I'm going to blow up the airport",
        "Watch this beheading video, there is so much blood",
        "Let's beat him to death in the street",
    ],
    "POLITICS": [
        "Death to the president, overthrow the government now",
        "Free Tibet, independence for Tibet",
        "The Tiananmen Square massacre must never be forgotten",
        "Down with the Communist Party",
        "Storm the capitol and hang the traitors",
    ],
    "ADLAW": [
        "This pill is guaranteed to cure cancer",
        "We are the number one brand in the world",
        "Guaranteed returns with zero risk, you cannot lose money",
        "Lose twenty pounds in a week, clinically proven miracle",
        "It is one hundred percent effective with no side effects",
    ],
}

ARABIC = {
    "ABUSE": [
        "يا ابن الكلب يا حيوان",
        "كس امك يا شرموطة",
        "أنت حمار وغبي ومتخلف",
        "راح أقتلك وأقطع راسك",
        "الله يلعنك ويلعن أبوك",
    ],
    "PORN": [
        "تعالي نيكيني يا قحبة",
        "ابعثيلي صور عارية ليك",
        "أبي أشوف بزازك",
        "بنات للإيجار في الفندق",
        "نتفرج على أفلام سكس سوا",
    ],
    "AD": [
        "اتصلوا على الرقم 0501234567 للطلب",
        "تواصل معي على الواتساب 00966551234567",
        "زوروا موقعنا www.cheap-shop.com",
        "تابعوني على انستقرام sara_99",
        "خصم خمسين بالمية، اطلب الآن والتوصيل مجاني",
    ],
    "BAN": [
        "عندي حشيش للبيع والتوصيل سريع",
        "راهن معنا على المباراة واربح فلوس",
        "أبيع سلاح ومسدس بدون ترخيص",
        "عندنا جوازات سفر للبيع",
        "أريد أن أنتحر، ما عاد فيني أعيش",
    ],
    "VIOLENT": [
        "انضموا إلى داعش وجاهدوا معنا",
        "سنفجر السوق بحزام ناسف",
        "سأفجر نفسي في السوق",
        "قطعوا رأسه أمام الكاميرا",
        "اذبحوا الكفار في كل مكان",
    ],
    "POLITICS": [
        "الشعب يريد إسقاط النظام",
        "يسقط يسقط حكم العسكر",
        "الموت للديكتاتور والخائن",
        "ارحل يا سيسي",
        "انزلوا إلى الشوارع لإسقاط الحكومة",
    ],
    "ADLAW": [
        "هذا المنتج يعالج السرطان نهائيا",
        "نحن رقم واحد في العالم",
        "أرباح مضمونة مية بالمية بدون مخاطرة",
        "علاج نهائي للسكري خلال أسبوع",
        "أفضل منتج في العالم بدون أي آثار جانبية",
    ],
}

SENTENCES = [
    (text, language, risk)
    for language, table in (("zh", CHINESE), ("en", ENGLISH), ("ar", ARABIC))
    for risk, texts in table.items()
    for text in texts
]


@pytest.mark.parametrize(("text", "language", "risk"), SENTENCES)
def test_harmful_speech_is_found_as_the_right_risk(text: str, language: str, risk: str) -> None:
    assert risk in risks(text, language, at_least=0.5)


def test_every_risk_has_five_sentences_in_every_language() -> None:
    for table in (CHINESE, ENGLISH, ARABIC):
        assert len(table) == 7
        assert all(len(texts) >= 5 for texts in table.values())
