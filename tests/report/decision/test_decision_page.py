"""The page of a decision in report.html."""

import re
from collections.abc import Iterable

import pytest
from decision_cells import BOUNDS, cell, small_sweep
from fabricate import around, record, write_run
from test_language import NOT_TRANSLATED, without_keys

from dd_jax import report
from dd_jax.report import trends
from dd_jax.report.decision import decision_files
from dd_jax.report.decision.colours import COLOURS
from dd_jax.report.decision.decided import Settings, decide
from dd_jax.report.decision.decision_page import page
from dd_jax.report.decision.language import Language

DEFAULTS = Settings(BOUNDS)


@pytest.fixture(autouse=True)
def no_trends(monkeypatch):
    """Plots of other parts of the report take time."""
    monkeypatch.setattr(trends, "svg", lambda draw, **_: b"<svg/>")


def built(workdir, rows, settings=DEFAULTS):
    for row in rows:
        write_run(workdir, row, artefacts=False)
    decision_files.write(workdir, settings)
    return report.build(workdir).read_text()


def private():
    row = cell("d" * 12, accuracy=0.9, ipc=10.0, init="noise", ratio=0.07)
    row["run"] |= {
        "config": {"dp.epsilon": 2.0},
        "differential_privacy": {
            "epsilon": 2.0,
            "epsilon_of_exchange": 4.0,
            "delta": 1e-5,
            "protects": "a row",
            "mechanisms": [],
        },
    }
    return row


def text_of(html):
    section = re.search(r'<section class="decision".*?</section>', html, re.S)
    plain = re.sub(r"<[^>]+>", " ", section[0]).replace("&nbsp;", " ")
    return re.sub(r"\s+", " ", plain)


def test_the_page_is_before_all_else_and_holds_every_part(tmp_path):
    html = built(tmp_path, [small_sweep()[4], private()])
    assert html.index('class="decision"') < html.index("All results</h2>")
    found = text_of(html)
    for title in (
        "Sentences for a meeting",
        "Savings",
        "Settings compared",
        "Defences that were tried",
        "What the numbers do not show",
        "Thresholds and their sources",
        "Next steps",
    ):
        assert title in found
    assert "differential privacy, epsilon 2" in found
    assert "Carlini et al. 2022" in found and "Rule of the recommendation" in found
    assert html.count("<img") >= 1 and "(recommended)" in found


@pytest.mark.parametrize("lang, word", [("en", "loaded set"), ("ja", "シャドウセット")])
def test_a_loaded_set_cannot_be_audited_for_membership(tmp_path, lang, word):
    row = cell(parts=("robustness",), loaded=True, method="loaded", init=None)
    html = built(tmp_path, [row], DEFAULTS._replace(lang=lang))
    found = text_of(html)
    assert found.count(word) >= 3  # both numbers, and the next step
    for other in ("audits.NAME.enabled", "protocol=canaries", "mitigate.robust.eps"):
        assert other not in found
    assert "Loaded set on digits" in html and "need shadow sets" in html


def test_what_is_said_of_a_loaded_set():
    row = cell(parts=("robustness",), loaded=True, method="loaded", robust=0.64)
    found = page(decide([row], DEFAULTS))
    assert "loaded set" in found["recommended"]
    assert found["meaning"] == (
        "Possible under conditions. Not measurable on a loaded set: Membership."
    )
    assert found["checks"][1]["badge"].text == "? not measurable"
    last = dict(found["sections"])["Sentences for a meeting"][0].lines[-1]
    assert "To be measured" not in last and last.endswith("audit it: Membership.")


def test_a_run_from_before_the_flag_is_known_by_its_settings():
    row = cell(parts=("robustness",), config={"distill.load": "set.npz"}, init=None)
    found = page(decide([row], DEFAULTS))
    assert "loaded set, made by DM" in found["recommended"]
    assert "need shadow sets" in found["checks"][1]["lines"][0][1]


@pytest.mark.parametrize("accuracy, proposed", [(0.94, False), (0.8, True)])
def test_a_number_that_is_not_known_in_a_known_check_is_named(accuracy, proposed):
    row = cell(accuracy=accuracy)
    row["fairness"]["distilled"]["class_gap"] |= around(0.1, 0.4)
    decided = decide([row], DEFAULTS)
    assert decided.chosen.checks[0].colour == ("red" if proposed else "amber")
    found = page(decided)
    gap = "Gap between classes beyond that of the full data."
    assert found["meaning"].endswith(f"Not known yet: {gap}")
    first = dict(found["steps"])["Before a pilot"]
    assert any(line.startswith(f"Measure what is not known: {gap}") for line in first)
    last = dict(found["sections"])["Sentences for a meeting"][0].lines[-1]
    assert last.endswith("Accuracy." if proposed else f"To be measured: {gap}")


def test_seconds_of_training_on_the_set_alone():
    row = cell()
    del row["cost"]["full_data_seconds"]
    said = dict(page(decide([row], DEFAULTS))["sections"])["Savings"][0].lines
    assert any("not measured on the full data" in line for line in said)


def test_a_set_that_its_file_names_the_method_of(tmp_path):
    html = built(tmp_path, [cell(loaded=True, init=None)])
    assert "Loaded set, Distribution matching (DM), on digits" in html


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_that_verdicts_below_may_differ_is_said_above_them(tmp_path, lang):
    html = built(tmp_path, [cell()], DEFAULTS._replace(lang=lang))
    after = html.split("All results</h2>")[1].lstrip().replace("&nbsp;", " ")
    assert after.startswith(f'<p lang="{lang}">{Language(lang).say("below")}</p>')


@pytest.mark.parametrize(
    "change, words",
    [
        ({}, ("Recommended: ", "(recommended)")),
        ({"robust": 0.3}, ("The best of the settings that were run: ", "(best)")),
        ({"parts": ()}, ("The best of the settings that were run: ", "(best)")),
    ],
)
def test_nothing_is_recommended_that_is_red_or_not_decided(change, words):
    rows = [cell(**change), cell("b" * 12, ipc=50.0, **change)]
    found = page(decide(rows, DEFAULTS))
    table = dict(found["sections"])["Settings compared"][1].table
    assert found["recommended"].startswith(words[0])
    assert sum(words[1] in str(row[0]) for row in table.rows) == 1
    assert len(set(table.columns)) == len(table.columns)


def test_a_colour_is_never_alone(tmp_path):
    html = built(tmp_path, [cell(auc=0.57, robust=0.4), cell("b" * 12, ipc=1.0)])
    badges = re.findall(r'class="badge (green|amber|red|unknown)">([^<]*)<', html)
    shapes = {"green": "●", "amber": "▲", "red": "■", "unknown": "?"}
    assert {colour for colour, _ in badges} >= {"green", "amber"}
    for colour, words in badges:
        assert words.startswith(shapes[colour]) and len(words) > 2


def test_without_a_decision_the_report_has_no_such_page(single):
    html = report.build(single).read_text()
    assert 'class="decision"' not in html
    assert not (single / "decision.json").exists()


def test_the_report_decides_again_by_the_earlier_settings(tmp_path):
    strict = BOUNDS | {"membership_auc": (0.5, 0.51)}
    built(tmp_path, [cell(auc=0.53)], Settings(strict))
    html = report.build(tmp_path).read_text()
    assert (
        "Changed in the config; the default is 0.550 and 0.600, as follows."
        in text_of(html)
    )
    assert "Not as it is." in text_of(html)


@pytest.mark.parametrize("content", ["{", "{}", '{"settings": {"lang": "xx"}}'])
def test_a_damaged_decision_is_named_and_the_report_made(tmp_path, content):
    write_run(tmp_path, cell(), artefacts=False)
    (tmp_path / "decision.json").write_text(content)
    html = report.build(tmp_path).read_text()
    assert "Damaged files" in html and "decision.json" in html


def test_runs_of_two_data_sets_have_no_decision(tmp_path):
    rows = [cell(), cell("b" * 12, dataset="tfds:mnist")]
    assert "runs of several data sets" in text_of(built(tmp_path, rows))


def test_sentences_hold_the_numbers_of_the_run():
    row = cell(nets=5, ratio=0.07, accuracy=0.955)
    found = page(decide([row], Settings(BOUNDS)))
    said = " ".join(dict(found["sections"])["Sentences for a meeting"][0].lines)
    for number in ("7.0 %", "4.0 s", "20.0 s", "95.5 %", "97.0 %", "0.510", "0.600"):
        assert number in said


@pytest.mark.parametrize(
    "change, step",
    [
        ({"accuracy": 0.8}, "try more images per class"),
        ({"auc": 0.7}, "try differential privacy"),
        ({"robust": 0.3}, "try adversarial training"),
        ({"parts": ()}, "Measure what is not known: Membership and Adversarial"),
    ],
)
def test_next_steps_follow_from_the_checks(change, step):
    first = dict(page(decide([cell(**change)], Settings(BOUNDS)))["steps"])
    assert step in " ".join(first["Before a pilot"])
    green = dict(page(decide([cell()], Settings(BOUNDS)))["steps"])
    assert step not in " ".join(green["Before a pilot"])


@pytest.mark.parametrize(
    "change, meaning, proposal",
    [
        ({}, "Nothing measured here speaks against it.", "All three checks are green"),
        ({"auc": 0.57}, "Possible under conditions.", "open points: Membership."),
        (
            {"accuracy": 0.94, "parts": ()},
            "Possible under conditions. Not known yet: Membership and Adversarial "
            "robustness.",
            "To be measured: Membership and Adversarial robustness.",
        ),
        (
            {"robust": 0.3, "parts": ("robustness",)},
            "Not as it is. Not known yet: Membership.",
            "first to be solved: Adversarial robustness.",
        ),
        (
            {"parts": ()},
            "Not decided. Not known yet: Membership and Adversarial robustness.",
            "decide yet",
        ),
    ],
)
def test_what_is_not_known_is_said_beside_the_colour(change, meaning, proposal):
    found = page(decide([cell(**change)], Settings(BOUNDS)))
    assert found["meaning"] == meaning
    assert proposal in dict(found["sections"])["Sentences for a meeting"][0].lines[-1]


@pytest.mark.parametrize("gain, said", [(-0.05, 2), (0.001, 2), (0.1, 0)])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_set_that_gains_nothing_over_a_random_subset(gain, said, lang):
    row = cell()
    row["accuracy"]["random_subset"] |= around(0.965 - gain, 0.002)
    found = page(decide([row], Settings(BOUNDS, lang)))
    would_do = Language(lang).say("no_gain")
    assert (would_do in found["recommended"]) == bool(said)
    assert sum(would_do in text for text in shown(found)) == said
    table = dict(found["sections"])[Language(lang).say("all_title")][-1].table
    column = table.columns.index(Language(lang).say("col_gain"))
    digits = f"{100 * gain:.1f}"
    assert table.rows[0][column].text.startswith(digits)
    assert any(digits in line for line in found["checks"][0]["lines"][0])


@pytest.mark.parametrize("missing", ["privacy", "robustness", "fairness", "cost"])
def test_a_part_that_was_not_measured_is_said(tmp_path, missing):
    row = record()
    del row[missing]
    html = built(tmp_path, [row])
    words = {"cost": "The Records have no seconds of training."}
    assert words.get(missing, "Not measured.") in text_of(html)


def test_hostile_names_are_shown_as_texts(tmp_path):
    row = cell()
    row["run"]["class_names"] = ["<script>alert(1)</script>", "b\u202ea"]
    row["run"]["dataset"] = "folder:/home/ada/secret/<b>pets"
    html = built(tmp_path, [row])
    assert "<script>alert" not in html and "/home/ada" not in text_of(html)
    assert "\u202e" not in html


NAMES = {"digits", "digit", "scikit-learn", "DM", "LiRA", "PGD", "AUC", "TPR"}


@pytest.mark.parametrize(
    "rows",
    [
        [small_sweep()[4], private()],
        [record()],
        [cell(parts=(), split="validation")],
        [cell(accuracy=0.2, full=0.1, auc=0.7), cell("b" * 12, ipc=1.0)],
    ],
    ids=["defence", "single", "little", "odd"],
)
def test_the_page_is_in_japanese_throughout(rows):
    english, japanese = (
        page(decide(rows, Settings(BOUNDS, lang))) for lang in ("en", "ja")
    )
    texts = list(shown(japanese))
    assert len(texts) == len(list(shown(english)))
    for text in texts:
        words = set(re.findall(r"[A-Za-z][A-Za-z-]+", without_keys(text)))
        assert not words - NAMES - NOT_TRANSLATED, text
    assert not any("{" in text for text in [*texts, *shown(english)])


def shown(value):
    """Every text of a page, those of pictures' links aside."""
    if isinstance(value, str):
        if not value.startswith("data:") and value not in ("en", "ja", *COLOURS):
            yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from shown(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from shown(item)


def test_the_section_says_its_language(tmp_path):
    html = built(tmp_path, [cell()], Settings(BOUNDS, "ja"))
    assert '<section class="decision" lang="ja"' in html
    assert "採用判定" in html and html.startswith('<!doctype html>\n<html lang="en">')
