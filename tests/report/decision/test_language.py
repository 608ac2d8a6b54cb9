"""Messages of the page: the same keys and placeholders in every language."""

import re
from string import Formatter

import pytest

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
    assert ENGLISH.duration(None) == "not measured"


def test_no_message_names_a_key_of_the_config_that_there_is_not():
    from dd_jax.config.fields import fields

    rooms = "|".join({key.split(".")[0] for key in fields()})
    for key, text in catalogue("en").items():
        named = re.findall(rf"\b(?:{rooms})\.[a-z_.]+[a-z]", text)
        assert all(name in fields() for name in named if "NAME" not in name), key
