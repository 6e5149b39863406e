"""Word lists: what the loader takes and refuses, and that the real ones are sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.lexicons import Lexicon, Match, load_lexicons, parse_lexicon
from config.taxonomy import RiskType, load_taxonomy
from models.text.normalise import characters, fold, words

GROUP = 'label = "insult.personal"\nprobability = 0.9\nterms = ["so and so"]\n'


def parse(text: str, language: str = "en") -> Lexicon:
    return parse_lexicon(text, language, RiskType.ABUSE, "abuse.toml", load_taxonomy())


def test_a_list_is_read_with_its_defaults() -> None:
    lexicon = parse(f'[[group]]\n{GROUP}[allow]\nphrases = ["so and so forth"]')
    [group] = lexicon.groups
    assert (group.label.label2, group.label.label3, group.probability) == ("insult", "personal", 0.9)
    assert (group.terms, group.match, group.homophones) == (("so and so",), Match.VARIANTS, False)
    assert lexicon.allowed == ("so and so forth",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[group]", "not valid TOML"),
        ("", "needs at least one [[group]]"),
        ("group = 3", "needs at least one [[group]]"),
        (f"[[group]]\n{GROUP}[alow]\n", "unknown key alow, did you mean allow?"),
        (f"[[group]]\n{GROUP}wieght = 1\n", "unknown key wieght"),
        (f"[[group]]\n{GROUP}[allow]\nwords = []\n", "allow: unknown key words"),
        (f"[[group]]\n{GROUP}[allow]\nphrases = [1]\n", "allow.phrases: entry 1 is not a text"),
        (f"[[group]]\n{GROUP.replace('personal', 'persnal')}", "did you mean insult.personal?"),
        (f"[[group]]\n{GROUP.replace('insult.personal', 'insult')}", "unknown label 'insult'"),
        (f"[[group]]\n{GROUP.replace('0.9', '1.2')}", "probability must be above 0 and at most 1, not 1.2"),
        (f"[[group]]\n{GROUP.replace('0.9', '0')}", "probability must be above 0"),
        (f"[[group]]\n{GROUP.replace('0.9', 'true')}", "probability must be above 0"),
        (f'[[group]]\n{GROUP}match = "fuzzy"\n', "match is one of variants, exact, not 'fuzzy'"),
        (f"[[group]]\n{GROUP}homophones = true\n", "homophones needs a Chinese list"),
        (f"[[group]]\n{GROUP.replace('so and so', '')}", "entry 1 holds no letter or digit"),
        (f"[[group]]\n{GROUP.replace('so and so', '!?')}", "entry 1 holds no letter or digit"),
        ('[[group]]\nlabel = "insult.personal"\nprobability = 1\nterms = []', "terms must not be empty"),
        ('[[group]]\nlabel = "insult.personal"\nprobability = 1\nterms = "x"', "must be a list of texts"),
    ],
)
def test_a_fault_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith("abuse.toml: ")
    assert said in str(caught.value)


def test_a_folder_is_read_and_its_faults_name_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    folder.mkdir()
    (folder / "abuse.toml").write_text(f"[[group]]\n{GROUP}", encoding="utf-8")
    assert [(each.language, each.risk) for each in load_lexicons(tmp_path)] == [("en", RiskType.ABUSE)]
    (folder / "ad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"lexicons/en/ad\.toml: not UTF-8 at byte 0"):
        load_lexicons(tmp_path)
    (folder / "ad.toml").rename(folder / "moan.toml")
    with pytest.raises(ConfigError, match=r"lexicons/en/moan\.toml: a list is named after its risk type"):
        load_lexicons(tmp_path)
    (folder / "moan.toml").unlink()
    (tmp_path / "fr").mkdir()
    with pytest.raises(ConfigError, match="lexicons/fr: the languages are zh, en, ar"):
        load_lexicons(tmp_path)


@pytest.mark.parametrize("lexicon", load_lexicons(), ids=lambda each: f"{each.language}-{each.risk}")
def test_a_real_list_names_each_term_once(lexicon: Lexicon) -> None:
    seen: dict[str, str] = {}
    for group in lexicon.groups:
        for term in group.terms:
            folded = fold(term)
            text = (characters(folded) if lexicon.language == "zh" else words(folded)).text
            assert text not in seen, f"{term} repeats {seen[text]}"
            seen[text] = term
