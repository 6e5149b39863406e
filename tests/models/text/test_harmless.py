"""Everyday speech on streams that must stay PASS: nothing at 0.5 or above from any text classifier."""

from __future__ import annotations

import pytest

from tests.models.text.readers import risks

CHINESE = [
    "今天早上我吃了两个鸡蛋和一碗粥",
    "这个操作非常简单，大家跟着我一步一步来",
    "我操作一遍给大家看",
    "刚摘的草莓特别甜，一斤二十块钱",
    "我草莓蛋糕还没吃完呢",
    "同学们今天在操场上跑步",
    "妈妈说她的妈妈明天来我们家",
    "他妈妈是一位小学老师",
    "我们一起去爬山吧，天气真好",
    "这个鸡胸肉要先腌二十分钟",
    "欢迎新进来的宝宝，点点关注不迷路",
    "感谢大哥送的火箭，谢谢谢谢",
    "这一局打得太漂亮了，把对面全灭了",
    "快去中路支援，对面要打大龙了",
    "我的英雄死了，等十秒复活",
    "昨天那场球赛三比二，赢得不容易",
    "今天是二零二四年五月一日，星期三",
    "这件衣服九十九块钱，纯棉的",
    "一二三四五六七八九十，开始",
    "电影里的杀手最后被警察抓住了",
    "他从小就喜欢听相声和评书",
    "医生说每天要多喝水早点睡觉",
    "我奶奶种的黄瓜又脆又甜",
    "公交车上人太多了，我下一站下车",
    "这道题的答案是三点一四一五九",
    "老师让我们把课文背下来",
    "我在北京生活了十年，现在搬到了上海",
    "国家图书馆周末人很多",
    "你干什么呢，怎么还不睡觉",
    "他们公司在招聘会上找到了不少人才",
    "春天来了，公园里的花都开了",
    "晚上给大家唱一首老歌，希望你们喜欢",
    "这个直播间的音质不错，声音很清楚",
    "猫咪躺在沙发上晒太阳",
    "我昨天看了一部关于二战历史的纪录片",
    "麻烦把窗户关一下，有点冷",
    "手机没电了，我去充一下",
    "这个颜色有点深，换一个浅一点的",
    "傻孩子，别哭了，妈妈在这里",
    "孩子发烧了，我们赶紧去医院",
    "今年的收成很好，农民都很高兴",
    "请把音量调大一点，我听不清",
    "大家晚安，我们明天同一时间再见",
    "这只狗特别聪明，会自己开门",
    "篮球比赛的最后一秒他投中了",
    "他在部队里学会了开坦克",
]

ENGLISH = [
    "I'm going to grill some chicken breast for dinner",
    "The assassin in this game has the best stealth skills",
    "We drove from Scunthorpe to Penistone last weekend",
    "Welcome everybody, thanks for joining the stream tonight",
    "Can you pass me the salt please",
    "He took a great shot and the ball went straight into the basket",
    "My grandmother's cocktail party was a lot of fun",
    "The class will assess the new password policy",
    "We need to analyze the data before the meeting",
    "One two three four five six seven eight nine ten",
    "The score is three to two with five minutes left",
    "It was founded in nineteen eighty four in the city of Boston",
    "This jacket costs forty nine dollars and it's really warm",
    "The doctor said I should drink more water and sleep early",
    "Let's go to the park and feed the ducks",
    "She plays the violin in the school orchestra",
    "I watched a documentary about the history of the second world war",
    "The cat is sleeping on the sofa again",
    "Please turn up the volume, I can hardly hear you",
    "What a beautiful song, can you play it again",
    "We lost the first round but we came back strong",
    "My phone battery is dead, let me find a charger",
    "The train leaves at ten thirty from platform five",
    "He grew up on a farm with pigs and horses",
    "The new Moby Dick edition has lovely pictures",
    "I had a great time at the Sussex county fair",
    "Our teacher gave us too much homework this week",
    "The weather is going to be nasty tomorrow",
    "You did such a good job on that drawing",
    "Happy birthday to you and many happy returns",
    "I love how the lights reflect on the water",
    "They moved to Nigeria when she was a little girl",
    "Turn left at the traffic lights and keep going",
    "The rooster crows at dawn every single day",
    "I forgot my umbrella and got completely wet in the rain",
    "This recipe needs two cups of flour and three eggs",
    "The company announced its results on Tuesday morning",
    "The kids built a huge castle out of sand",
    "Good night everyone, see you tomorrow at the same time",
    "I think the movie was a bit too long but the ending was great",
    "He is shooting a film about the mountains",
    "The bass player in that band is amazing",
    "We should charge the batteries before the trip",
    "Kick off is at three o'clock this afternoon",
]

ARABIC = [
    "صباح الخير يا جماعة، كيف حالكم اليوم",
    "أهلا وسهلا بكم في البث المباشر",
    "اليوم سنطبخ الدجاج مع الأرز والخضار",
    "الطقس جميل جدا اليوم في القاهرة",
    "ذهبت أمي إلى السوق واشترت الخبز والحليب",
    "المباراة انتهت بنتيجة ثلاثة مقابل اثنين",
    "واحد اثنين ثلاثة أربعة خمسة ستة سبعة",
    "شكرا لكم على الهدايا والمتابعة",
    "أخي يدرس الهندسة في الجامعة",
    "قرأت كتابا عن تاريخ الأندلس",
    "القطة نائمة على الكرسي",
    "هذا القميص سعره خمسون درهما",
    "سافرنا إلى البحر في العطلة الصيفية",
    "الدكتور نصحني بشرب الماء والنوم مبكرا",
    "المعلمة شرحت الدرس بطريقة سهلة",
    "ممكن ترفع الصوت شوي ما أسمع",
    "كل عام وأنتم بخير بمناسبة العيد",
    "اللاعب سجل هدفا جميلا في الدقيقة الأخيرة",
    "أحب القهوة العربية مع التمر",
    "تصبحون على خير، نلتقي غدا في نفس الموعد",
    "السيارة تحتاج إلى زيت جديد",
    "الأولاد يلعبون كرة القدم في الحديقة",
]


@pytest.mark.parametrize(
    ("text", "language"),
    [(text, "zh") for text in CHINESE]
    + [(text, "en") for text in ENGLISH]
    + [(text, "ar") for text in ARABIC],
)
def test_everyday_speech_passes(text: str, language: str) -> None:
    assert risks(text, language, at_least=0.5) == {}


def test_everyday_speech_passes_when_the_language_is_unknown() -> None:
    suspicious = {
        text: found for text in CHINESE + ENGLISH + ARABIC if (found := risks(text, "", at_least=0.5))
    }
    assert suspicious == {}
