"""decision.json and junit.xml."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from decision_cells import BOUNDS, cell, small_sweep
from fabricate import write_run

from dd_jax.catalogue.decision_thresholds import THRESHOLDS
from dd_jax.report.cards import card_files
from dd_jax.report.decision import decision_files
from dd_jax.report.decision.decided import Settings, decide
from dd_jax.report.run_folder import json_file


def written(workdir, rows, **settings):
    for row in rows:
        write_run(workdir, row, artefacts=False)
    decision_files.write(workdir, Settings(BOUNDS, **settings))
    content = json.loads((workdir / "decision.json").read_text())
    return content, ElementTree.parse(workdir / "junit.xml").getroot()


def test_cards_are_those_of_the_recommended_setting(tmp_path):
    content, _ = written(tmp_path, small_sweep())
    first = content["recommended"]["runs"][0]
    expected = card_files.cards(json_file(tmp_path / "runs" / first / "record.json"))
    for name in ("model_card", "data_card"):
        card = json.loads((tmp_path / f"{name}.json").read_text())
        assert card.keys() == expected[name].keys()
    assert first in (tmp_path / "model_card.json").read_text()


def test_a_damaged_part_costs_the_cards_alone(tmp_path):
    row = cell()
    row["memorisation"] = "none"
    content, _ = written(tmp_path, [row])
    assert content["problem"] is None
    assert not (tmp_path / "model_card.json").exists()


def test_the_file_holds_what_was_decided(tmp_path):
    content, _ = written(tmp_path, small_sweep())
    assert content["problem"] is None and content["overall"] == "amber"
    assert len(content["candidates"]) == 6
    assert content["recommended"] in content["candidates"]
    assert [c["name"] for c in content["recommended"]["checks"]] == [
        "accuracy",
        "membership",
        "robustness",
    ]
    assert content["settings"]["thresholds"]["membership_auc"] == {
        "amber": 0.55,
        "red": 0.6,
    }
    assert content["savings"]["faster"] == 5
    assert content["not_known"] == content["not_measurable"] == []


def test_settings_come_back_from_the_file(tmp_path):
    written(tmp_path, [cell()], fail_on="amber")
    settings, decided = decision_files.again(tmp_path)
    assert settings == Settings(BOUNDS, fail_on="amber")
    assert decided.overall == "green"
    assert decision_files.again(tmp_path / "runs") is None


def test_junit_has_one_suite_with_a_case_for_each_check(tmp_path):
    rows = [cell(auc=0.57, robust=0.4)]
    _, root = written(tmp_path, rows)
    assert root.tag == "testsuites" and [child.tag for child in root] == ["testsuite"]
    (suite,) = root
    assert [case.get("name") for case in suite] == [
        "accuracy",
        "membership",
        "robustness",
    ]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors")}
    assert counts == {"tests": "3", "failures": "1", "errors": "0"}
    failure = suite.find("testcase[@name='robustness']/failure")
    assert failure.get("message").startswith("robustness is red (robust_accuracy_loss")


def test_junit_follows_the_usual_schema(tmp_path):
    """Attributes and the order of children of Jenkins' junit-10.xsd."""
    rows = [cell(auc=0.57, robust=0.4, parts=("robustness",))]
    _, root = written(tmp_path, rows, fail_on="amber")
    suite_attributes = {"name", "tests", "failures", "errors", "skipped", "time"}
    for suite in root:
        assert set(suite.attrib) == suite_attributes
        float(suite.get("time")), int(suite.get("tests"))
        for case in suite:
            assert case.tag == "testcase"
            assert set(case.attrib) == {"classname", "name", "time"}
            tags = [child.tag for child in case]
            assert tags in (
                ["system-out"],
                ["failure", "system-out"],
                ["skipped", "system-out"],
            )
            for child in case:
                given = {"failure": {"message", "type"}, "skipped": {"message"}}
                assert set(child.attrib) == given.get(child.tag, set())


@pytest.mark.parametrize(
    "fail_on, failing",
    [
        ("", ["robustness"]),
        ("red", ["robustness"]),
        ("amber", ["membership", "robustness"]),
    ],
)
def test_what_fails_depends_on_the_colour(tmp_path, fail_on, failing):
    _, root = written(tmp_path, [cell(auc=0.57, robust=0.4)], fail_on=fail_on)
    found = root.findall("testsuite/testcase[failure]")
    assert [case.get("name") for case in found] == failing


@pytest.mark.parametrize("fail_on, tag", [("", "skipped"), ("amber", "failure")])
def test_what_is_not_known_fails_at_amber_and_is_skipped_at_red(tmp_path, fail_on, tag):
    _, root = written(tmp_path, [cell(parts=("robustness",))], fail_on=fail_on)
    tags = {"membership": tag}
    for case in root.iter("testcase"):
        first = case[0].tag if len(case) > 1 else None
        assert first == tags.get(case.get("name"))


def test_no_decision_is_an_error_in_both_files(tmp_path):
    content, root = written(tmp_path, [cell(), cell("b" * 12, num_classes=5)])
    assert "2 data sets" in content["problem"] and "overall" not in content
    assert root.find("testsuite").get("errors") == "1"


def test_files_hold_no_path_and_are_the_same_again(tmp_path):
    row = cell(dataset="folder:/home/ada/pets")
    written(tmp_path, [row])
    before = [(tmp_path / n).read_bytes() for n in ("decision.json", "junit.xml")]
    decision_files.again(tmp_path)
    after = [(tmp_path / n).read_bytes() for n in ("decision.json", "junit.xml")]
    assert before == after
    assert not any(b"/home" in content or b"ada" in content for content in after)


def test_failing_names_the_checks_of_the_recommended_setting():
    decided = decide([cell(auc=0.57, robust=0.4)], Settings(BOUNDS))
    assert decided.failing("red") == ["robustness"]
    assert decided.failing("amber") == ["membership", "robustness"]
    missing = decide([cell(parts=("robustness",))], Settings(BOUNDS))
    assert missing.failing("amber") == ["membership"] and not missing.failing("red")


def test_the_readme_has_the_thresholds_of_the_table():
    text = Path(decision_files.__file__).with_name("README.md").read_text()
    rows = [
        f"| `{t.name}` | {t.check} | {t.amber:g} | {t.red:g} | {t.why} |"
        for t in THRESHOLDS
    ]
    assert "\n".join(rows) in text
