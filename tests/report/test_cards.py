"""Cards hold what a Record holds, null for the rest, and map to numbers of the text."""

import copy
import json
import re
from functools import reduce
from operator import getitem
from pathlib import Path

import fabricate
import pytest

from dd_jax.report import __main__ as command
from dd_jax.report import records
from dd_jax.report.cards import data_card, model_card
from dd_jax.report.cards.card_files import cards
from dd_jax.report.cards.regulation import ANNEX
from dd_jax.report.schema import validate

RESULTS = Path(__file__).parents[2] / "experiments" / "results"
DATA = fabricate.with_data(
    classes=[
        {"name": f"digit {c}", "train": 100 + c, "test": 20}
        for c in range(fabricate.CLASSES)
    ],
    groups=[{"group": 1, "train": [100] * 10, "test": [20] * 10}],
    images__constant=3,
)
BARE = {
    "run": {key: fabricate.record()["run"][key] for key in fabricate.record()["run"]}
    | {"ratio": None, "init": None}
}


def test_the_data_of_these_tests_are_what_an_audit_writes():
    validate(fabricate.record() | {"data": DATA})


def strict(card):
    """A card after a strict writer and reader."""
    return json.loads(json.dumps(card, allow_nan=False))


def at(card, dotted):
    return reduce(getitem, dotted.split("."), card)


def test_accuracy_and_its_interval_are_those_of_the_record():
    row = fabricate.record()
    measured = cards(row)["model_card"]["measured"]
    assert measured["accuracy"]["distilled"]["overall"] == {
        "mean": 0.86,
        "interval": [0.85, 0.87],
        "n": 5,
        "interval_over_images": None,
    }
    classes = measured["accuracy"]["distilled"]["by_class"]
    assert [of["mean"] for of in classes] == row["accuracy"]["distilled"]["per_class"]
    assert classes[3]["class"] == "digit 3"
    assert classes[3]["images"] is classes[3]["interval_over_images"] is None


def test_a_class_has_the_exact_interval_of_its_images():
    row = fabricate.record() | {"data": DATA}
    row["accuracy"]["distilled"]["per_class"] = [0.0, 1.0, 0.5, *[0.9] * 7]
    card = cards(row)["model_card"]
    none, all_, half = card["measured"]["accuracy"]["distilled"]["by_class"][:3]
    beyond = 1 - 0.025 ** (1 / 20)  # of no success in 20 trials
    assert none["interval_over_images"] == pytest.approx([0, beyond])
    assert all_["interval_over_images"] == pytest.approx([1 - beyond, 1])
    assert half["interval_over_images"] == pytest.approx([0.2720, 0.7280], abs=1e-4)
    assert none["images"] == 20


def test_membership_and_robustness_keep_their_numbers_and_unresolved_is_null():
    measured = cards(fabricate.record())["model_card"]["measured"]
    lira = measured["membership"]["full_data"]["t2"]["lira_online"]
    assert lira["auc"]["mean"] == 0.61 and lira["auc"]["interval"] == [0.59, 0.63]
    assert lira["tpr_at_fpr"]["0.0001"] is None and lira["smallest_fpr"] == 0.0004
    row = measured["robustness"]["distilled"]["attacks"]["fgsm"][2]
    assert (row["norm"], row["radius"]) == ("linf", 0.03)
    assert measured["robustness"]["distilled"]["checks"]["monotone_in_eps"] is None
    assert measured["also"] == ["memorisation"]


def test_verdicts_bring_the_limits_of_each_measurement():
    found = cards(fabricate.record())["model_card"]["verdicts"]
    topics = ["Accuracy", "Membership privacy", "Robustness", "Class fairness"]
    assert [line["topic"] for line in found] == topics
    assert all(line["limits"] and line["rule"] for line in found)


def test_the_data_are_those_of_the_audit():
    card = cards(fabricate.record() | {"data": DATA})["data_card"]
    assert card["rows"] == {"train": 1045, "validation": None, "test": 200}
    assert all(card[key] == DATA[key] for key in data_card.FOUND)
    assert "Images of one colour everywhere: 3. Remove them." in card["advice"]


def test_without_an_audit_of_the_data_the_rows_of_train_follow_from_the_ratio():
    card = cards(fabricate.record(ratio=0.05))["data_card"]
    assert card["rows"] == {"train": 2000, "validation": None, "test": None}
    assert all(card[key] is None for key in (*data_card.FOUND, "advice"))


def test_what_was_not_measured_is_null():
    made = cards(BARE)
    measured = made["model_card"]["measured"]
    assert all(measured[key] is None for key in ("accuracy", "fairness", "membership"))
    assert measured["robustness"] is measured["differential_privacy"] is None
    assert made["model_card"]["cost"] is None
    assert made["data_card"]["rows"]["train"] is None
    assert set(made["data_card"]["from_the_owner"].values()) == {None}
    assert made["model_card"]["settings_are"] is None
    of_set = made["model_card"]["synthetic_set"]
    assert of_set["loaded"] is of_set["steps"] is of_set["init"] is None


def test_differential_privacy_has_the_claim_and_what_audits_found():
    row = fabricate.record()
    claim = {"epsilon": 1.0, "epsilon_of_exchange": 2.0, "delta": 1e-5}
    claim |= {"protects": "any row", "mechanisms": []}
    audited = {"epsilon": 0.6, "surely": 0.5, "confidence": 0.99, "most": 10.5}
    row["run"]["differential_privacy"] = claim | {"audited": audited}
    for card in cards(row).values():
        found = card["measured"]["differential_privacy"]
        assert found == claim | {"audited": audited, "audited_by_membership": None}


def test_settings_are_those_that_are_known():
    row = fabricate.record(config={"distill.steps": 7, "train.lr": 0.5, "seed": 3})
    card = cards(row)["model_card"]
    assert card["settings_are"] == "changed from defaults"
    assert card["synthetic_set"]["steps"] == 7
    assert card["synthetic_set"]["settings"] == {"distill.steps": 7}
    assert card["synthetic_set"]["loaded"] is False
    assert card["training"]["settings"] == {"train.lr": 0.5}
    whole = {"distill": {"steps": 9, "load": "x.npz"}, "data": {"validation": 0.2}}
    made = cards(row, whole)
    assert made["model_card"]["settings_are"] == "all"
    assert made["model_card"]["synthetic_set"]["steps"] == 9
    assert made["model_card"]["synthetic_set"]["loaded"] is True
    assert made["data_card"]["preparation"] == {"data.validation": 0.2}


@pytest.mark.parametrize("row", [fabricate.record() | {"data": DATA}, BARE])
def test_cards_are_strict_json_of_the_record_alone(row):
    before = copy.deepcopy(row)
    first, second = cards(row), cards(row)
    assert row == before
    assert strict(first) == first == second
    assert all(card["card_version"] == 1 for card in first.values())


@pytest.mark.parametrize("maker", [model_card, data_card])
def test_every_field_of_the_map_is_in_the_card(maker):
    name = maker.__name__.rpartition(".")[2]
    card = cards(fabricate.record() | {"data": DATA})[name]
    for field in maker.POINTS:
        at(card, field)
    assert card["regulation"]["fields"] == maker.POINTS
    assert "no legal advice" in card["regulation"]["label"]


@pytest.mark.parametrize(
    "maker, every", [(model_card, ANNEX), (data_card, data_card.ON_DATA)]
)
def test_every_point_is_mapped_or_named_as_open(maker, every):
    name = maker.__name__.rpartition(".")[2]
    found = cards(fabricate.record() | {"data": DATA})[name]["regulation"]
    mapped = {point for points in found["fields"].values() for point in points}
    assert mapped <= set(every) and mapped | set(found["nothing_on"]) == set(every)
    assert len(set(every)) == len(every)


def test_a_point_whose_fields_are_null_is_open():
    made = {name: card["regulation"] for name, card in cards(BARE).items()}
    assert "Article 10(4)" in made["data_card"]["nothing_on"]
    assert "Article 10(2)(f)" in made["data_card"]["nothing_on"]
    assert "Annex IV, 2(g)" in made["model_card"]["nothing_on"]
    whole = cards(fabricate.record() | {"data": DATA})
    assert "Article 10(2)(f)" not in whole["data_card"]["regulation"]["nothing_on"]
    assert "Annex IV, 2(g)" not in whole["model_card"]["regulation"]["nothing_on"]


def test_points_are_numbers_of_the_text_and_no_sentences():
    form = r"Annex IV, ([12]\([a-h]\)|[3-9])|Article 10\((1|2\)\([a-h]|[3-6])\)"
    assert all(re.fullmatch(form, p) for p in [*ANNEX, *data_card.ON_DATA])
    assert len(ANNEX) == 23 and len(data_card.ON_DATA) == 14


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.jsonl")), ids=lambda p: p.stem)
def test_measured_records_have_cards(path):
    found, damaged = records.readable_lines(path)
    assert not damaged
    for row in found[:3]:
        made = cards(row)
        assert strict(made) == made
        for pipe, of in (row.get("accuracy") or {}).items():
            shown = made["model_card"]["measured"]["accuracy"][pipe]["overall"]
            assert shown["mean"] == of["mean"]


def written(tmp_path, path):
    folder = tmp_path / "cards"
    assert command.main([str(path), f"--cards={folder}"]) == 0
    assert {file.name for file in folder.iterdir()} == {
        "model_card.json",
        "data_card.json",
    }
    return json.loads((folder / "model_card.json").read_text(encoding="utf-8"))


def test_the_command_takes_a_folder_of_a_run_or_a_record(tmp_path, capsys):
    row = fabricate.record(config={"distill.steps": 7})
    fabricate.write_run(tmp_path, row)
    folder = tmp_path / "runs" / row["run"]["id"]
    (folder / "config.json").write_text('{"distill": {"steps": 7, "lr": 0.1}}')
    whole = {"distill.steps": 7, "distill.lr": 0.1}
    for path in (tmp_path, folder):
        card = written(tmp_path, path)
        assert card["synthetic_set"]["settings"] == whole
    assert "model_card.json" in capsys.readouterr().out
    (tmp_path / "results.jsonl").write_text(json.dumps(row) + "\n")
    for path in (folder / "record.json", tmp_path / "results.jsonl"):
        card = written(tmp_path, path)
        if path.name == "results.jsonl":
            assert card["synthetic_set"]["settings"] == {"distill.steps": 7}
        assert card["record"]["id"] == row["run"]["id"]


def test_several_runs_damage_and_failures_are_refused(tmp_path, capsys):
    for run_id in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        fabricate.write_run(tmp_path, fabricate.record(run_id), artefacts=False)
    fabricate.write_failed(tmp_path / "failed", "cccccccccccc")
    bad = tmp_path / "record.txt.json"
    bad.write_text("{")
    damaged = fabricate.record("dddddddddddd")
    damaged["accuracy"]["distilled"]["mean"] = "high"
    (tmp_path / "damaged.json").write_text(json.dumps(damaged))
    out = f"--cards={tmp_path / 'cards'}"
    for path, words in (
        (tmp_path / "damaged.json", "accuracy"),
        (tmp_path, "has several finished runs"),
        (tmp_path / "failed", "no finished run"),
        (bad, "not JSON"),
        (tmp_path / "nowhere", "no such folder"),
    ):
        assert command.main([str(path), out]) == 2
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1
    assert not (tmp_path / "cards").exists()
