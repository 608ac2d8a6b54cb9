"""Messages of the page: the same keys and placeholders in every language."""

import re
from string import Formatter

import pytest

from dd_jax import catalogue as entries
from dd_jax.catalogue.decision_thresholds import CHECKS, THRESHOLDS
from dd_jax.report.decision.colours import COLOURS
from dd_jax.report.decision.language import Language, catalogue

ENGLISH = Language("en")


def placeholders(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def test_every_colour_check_and_number_has_its_messages():
    for colour in COLOURS:
        assert all(map(ENGLISH.knows, (colour, f"means_{colour}", f"say_{colour}")))
    for check in CHECKS:
        assert ENGLISH.knows(check) and ENGLISH.knows(f"ask_{check}")
    for threshold in THRESHOLDS:
        assert ENGLISH.say(f"source_{threshold.name}") == threshold.why
        assert all(map(ENGLISH.knows, (threshold.name, f"found_{threshold.name}")))


@pytest.mark.parametrize(
    "value, unit, full",
    [
        (
            {"mean": 0.5, "ci": [-0.1, 1.2]},
            "percent",
            "50.0 % (95 % interval 0.0 to 100.0)",
        ),
        (
            {"mean": -0.1, "ci": [-0.2, 0]},
            "points",
            "-10.0 points (95 % interval -20.0 to 0.0)",
        ),
        ({"mean": 0.51, "ci": None, "n": 1}, "decimal", "0.510 (no interval)"),
        (-0.00001, "points", "0.0 points (no interval)"),
        (None, "percent", "not measured"),
    ],
)
def test_numbers_in_sentences(value, unit, full):
    assert ENGLISH.full(value, unit) == full


def test_numbers_in_cells():
    cell = ENGLISH.cell({"mean": 0.5, "ci": [0.4, 0.6]}, "percent")
    assert cell == ("50.0 %", "40.0 to 60.0")
    assert ENGLISH.cell(None, "percent").text == "not measured"


def test_lists_and_durations():
    assert ENGLISH.listed([]) == "" and ENGLISH.listed(["a"]) == "a"
    assert ENGLISH.listed(["a", "b"]) == "a and b"
    assert ENGLISH.duration(59.96) == "1 min 0 s" and ENGLISH.duration(4.25) == "4.2 s"
    assert ENGLISH.duration(0.0168) == "0.017 s"
    assert ENGLISH.duration(None) == "not measured"


@pytest.mark.parametrize("code", ["en", "ja"])
def test_no_message_names_a_key_of_the_config_that_there_is_not(code):
    from dd_jax.config.fields import fields

    rooms = "|".join({key.split(".")[0] for key in fields()})
    for key, text in catalogue(code).items():
        named = re.findall(rf"\b(?:{rooms})\.[a-z_.]+[a-z]", text)
        assert all(name in fields() for name in named if "NAME" not in name), key


# Japanese

NEUTRAL = {
    "decimal",
    "range",
    "and",
    "key_method",
    "key_arch",
    "key_other",
    "comma",
    "between",
}
OWN_NAMES = {"score": "score", "method": "method"}  # prefix -> kind of the catalogue
JAPANESE = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
NOT_TRANSLATED = set(
    "AUC TPR FPR PGD OUT LiRA BaVarIA k-means k-center MLPerf Inference OWASP AISVS "
    "RobustBench AutoAttack EEOC et al Reddi Carlini Jaeschke Guyatt and Sackett Madry "
    "Croce NAME SOURCE C T DRO COBRA FairDD".split()
)


def without_keys(text):
    """A text without placeholders, keys of the config and their values."""
    text = re.sub(r"\{\w+\}", "", text)
    return re.sub(
        r"\b[a-z]+(?:\.[a-zA-Z_]+)+(?:=[a-z]+(?::SOURCE)?)?|public:|sets", "", text
    )


@pytest.mark.parametrize("key", catalogue("en"))
def test_every_message_is_in_japanese_with_the_same_placeholders(key):
    own, english = catalogue("ja")[key], catalogue("en")[key]
    assert placeholders(own) == placeholders(english)
    assert key in NEUTRAL or own != english
    if re.search("[a-z]{2}", without_keys(english)) and key not in NEUTRAL:
        assert JAPANESE.search(own)
    left = set(WORD.findall(without_keys(own))) - NOT_TRANSLATED
    assert not left, f"left in English: {left}"


def test_japanese_alone_has_only_names_that_the_catalogue_has_in_english():
    more = catalogue("ja").keys() - catalogue("en").keys()
    for key in more:
        prefix, _, name = key.partition("_")
        assert name in entries.names(OWN_NAMES[prefix])


def test_japanese_has_no_damaged_and_no_mixed_characters():
    for key, text in catalogue("ja").items():
        assert not re.search("[\uff61-\uff9f\uff10-\uff19\uff21-\uff5a]", text), key
        wide = [c for c in text if ord(c) > 0x7F]
        allowed = "、。（）【】「」：〜εー々"
        assert all(JAPANESE.match(c) or c in allowed for c in wide), key
        assert not re.search(r"[,.()] ?(?=[\u3041-\u9fff])", without_keys(text)) or (
            "et al" in text
        ), key


def test_japanese_sentences_end_politely_or_are_nouns():
    plain = re.compile(r"(?:である|だ|する|した|ない|いる|なる)。")
    for key, text in catalogue("ja").items():
        assert not plain.search(text), key


def test_sources_are_the_same_in_both_languages():
    for threshold in THRESHOLDS:
        cited = re.findall(r"[A-Z][\w.]+ et al\. \d{4}|C11\.3", threshold.why)
        own = Language("ja").say(f"source_{threshold.name}")
        assert all(source in own for source in cited)
        assert ("convention" in threshold.why) == ("取り決め" in own)


def test_numbers_in_japanese():
    value = {"mean": 0.955, "ci": [0.95, 0.96], "n": 5}
    japanese = Language("ja")
    assert japanese.full(value, "percent") == "95.5%（95%信頼区間 95.0〜96.0）"
    assert japanese.duration(90) == "1分30秒" and japanese.listed(["a", "b"]) == "a、b"
