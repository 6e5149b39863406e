"""The label tree and its thresholds."""

from __future__ import annotations

import pytest

from config.taxonomy import Label, RiskType, Thresholds, load_taxonomy


def test_every_text_risk_has_labels_with_both_names() -> None:
    taxonomy = load_taxonomy()
    for path, names in taxonomy.names.items():
        assert names["zh"], path
        assert names["en"], path
    assert Label(RiskType.ABUSE, "insult", "family") in taxonomy
    assert Label(RiskType.ABUSE, "insult", "nothing") not in taxonomy


def test_describe_gives_three_names() -> None:
    label = Label(RiskType.AD, "contact", "wechat")
    assert load_taxonomy().describe(label, "zh") == ("广告", "联系方式", "微信号")
    assert load_taxonomy().describe(label, "en") == ("Advertising", "Contact details", "WeChat ID")


@pytest.mark.parametrize("policy", ["default", "live", "game", "audiobook", "unheard-of", "audio"])
@pytest.mark.parametrize("risk", list(RiskType))
def test_every_policy_has_thresholds_for_every_risk(policy: str, risk: RiskType) -> None:
    thresholds = load_taxonomy().thresholds(policy, "USER", risk)
    assert 0 < thresholds.review <= thresholds.reject


@pytest.mark.parametrize("policy", ["live", "game", "audiobook", "voiceroom", "private", "other"])
def test_a_superlative_alone_is_never_rejected_where_nothing_is_sold(policy: str) -> None:
    assert load_taxonomy().thresholds(policy, "USER", RiskType.ADLAW).reject > 1


def test_the_most_specific_threshold_wins() -> None:
    mine = Thresholds(0.1, 0.2)
    taxonomy = load_taxonomy().with_policies({"live:HOST": {"AD": mine}})
    assert taxonomy.thresholds("live", "HOST", RiskType.AD) == mine
    assert taxonomy.thresholds("live", "USER", RiskType.AD) != mine
    assert taxonomy.thresholds("game", "HOST", RiskType.AD) != mine
