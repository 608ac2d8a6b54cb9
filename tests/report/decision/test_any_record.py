"""Decisions on what Records may lack, and on all Records that were measured."""

import copy
import json
from pathlib import Path

import pytest
from decision_cells import BOUNDS, cell

from dd_jax.report import figures
from dd_jax.report.decision.decided import Settings, decide, problem
from dd_jax.report.decision.decision_files import NEEDED, as_json, as_junit
from dd_jax.report.decision.decision_page import page
from dd_jax.report.records import readable_lines
from dd_jax.report.schema import sound
from dd_jax.types import InputError

RESULTS = Path(__file__).parents[3] / "experiments" / "results"


def all_of(rows, lang="en"):
    settings = Settings(BOUNDS, lang)
    decided = decide(rows, settings)
    json.dumps(as_json(decided, settings), allow_nan=False)
    as_junit(decided, settings)
    return page(decided)


def places(value, path=()):
    """Paths of all values in nested objects and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def slim(row):
    """A Record with no more of each attack than a decision reads."""
    row["privacy"].pop("overlap", None)
    for part in row["privacy"].values():
        attack = part["t2"]["lira_online"]
        rates = {"0.01": attack["tpr_at_fpr"]["0.01"]}
        part["t2"]["lira_online"] = {"auc": attack["auc"], "tpr_at_fpr": rates}
    row["run"]["class_names"] = ["a", "b"]
    return row


def changed(row, path, value):
    row = copy.deepcopy(row)
    inside = row
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return row


@pytest.mark.parametrize("value", [None, 0, 1], ids=repr)
def test_a_decision_is_made_whatever_one_value_is(value):
    row = slim(cell())
    tried = 0
    for path in places(row):
        if path[0] not in NEEDED or path[1:2] == ("id",):
            continue
        try:
            kept, _ = sound(changed(row, path, value), "here")
        except InputError:  # no Record
            continue
        assert all_of([kept])["checks"]
        tried += 1
    assert tried > 60


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.jsonl")), ids=lambda p: p.stem)
def test_every_measured_record_has_a_decision(monkeypatch, path):
    monkeypatch.setattr(figures, "svg", lambda draw, **_: b"<svg/>")
    rows, _ = readable_lines(path)
    groups = {}
    for row in rows:
        groups.setdefault(data_of(row), []).append(row)
    for same in groups.values():
        assert problem(same) == ""
        assert len(all_of(same, "ja")["checks"]) == 3


def data_of(row):
    run = row["run"]
    return run["dataset"], run["num_classes"], run.get("split") or "test"
