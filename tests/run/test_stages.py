"""Stages of a run: sets of earlier steps, experts, and what they share."""

import numpy as np
import pytest
from tiny import BARE, MLP, flags, launch, make, only_run

from dd_jax import distill, run
from dd_jax.runtime.cost import Cost
from dd_jax.system import workdir

ESTIMATE = {"mean", "ci", "n"}
EVAL_STEPS = "audits__learning_curve__eval_steps"


def bare(root, **changes):
    return run.run(make(BARE | MLP, **changes), root)


@pytest.mark.slow
def test_the_seconds_of_a_selection_are_in_the_record(tmp_path):
    record = bare(tmp_path, distill__method="herding")
    assert 0 < record["cost"]["distill_seconds"] < 60
    assert record["cost"]["steps_per_second"] is None


@pytest.mark.slow
def test_sets_of_earlier_steps_change_nothing_of_the_last(tmp_path):
    sets = {}
    for count in (0, 2):
        root = tmp_path / str(count)
        values = flags(BARE | MLP, **{EVAL_STEPS: count})
        assert launch(*values, f"--workdir={root}") == 0
        sets[count] = distill.load(only_run(root) / "synthetic.npz")
    np.testing.assert_array_equal(sets[0].images, sets[2].images)
    record = workdir.read_json(only_run(tmp_path / "2") / "record.json")
    rows = record["learning_curve"]
    assert record["cost"]["distill_seconds"] == rows[-1]["seconds"]
    assert [row["step"] for row in rows] == [1, 2, 4]
    assert rows[0]["seconds"] < rows[1]["seconds"] < rows[2]["seconds"]
    assert all(set(row["accuracy"]) == ESTIMATE for row in rows)
    log = [workdir.read_jsonl(only_run(tmp_path / r) / "metrics.jsonl") for r in "02"]
    assert [row["step"] for row in log[1]][-1] == [row["step"] for row in log[0]][-1]


MTT = {
    "distill__method": "mtt",
    "distill__mtt__experts": 2,
    "distill__mtt__student_steps": 2,
    "distill__mtt__expert_epochs": 1,
    "distill__mtt__max_start": 2,
}


def expert_files(root):
    return sorted((root / "cache").rglob("*.npy"))


@pytest.mark.slow
def test_experts_are_trained_and_counted_once(tmp_path, monkeypatch):
    """By earlier steps, by all sets of a run and by runs with other windows."""
    counted, count = [], Cost.count

    def watch(cost, stage, part, seconds):
        if stage == "experts":
            counted.append((part, seconds))
        count(cost, stage, part, seconds)

    monkeypatch.setattr(Cost, "count", watch)
    kept = MTT | {"distill__mtt__kept_epochs": 4}
    found = bare(tmp_path, **kept, audits__learning_curve__eval_steps=1, sets=2)
    assert len(expert_files(tmp_path)) == 1
    assert len({part for part, _ in counted}) == 2 < len(counted)
    assert found["cost"]["experts_seconds"] == sum(dict(counted).values())
    bare(tmp_path, **kept | {"distill__mtt__max_start": 4})
    (file,) = expert_files(tmp_path)
    assert np.load(file, mmap_mode="r").shape[:2] == (2, 5)


@pytest.mark.slow
def test_experts_of_shadows_count_apart_from_those_of_the_sets(tmp_path, monkeypatch):
    counted, count = {}, Cost.count

    def watch(cost, stage, part, seconds):
        counted.setdefault(stage, set()).add(part)
        count(cost, stage, part, seconds)

    monkeypatch.setattr(Cost, "count", watch)
    audit = {"enabled": True, "shadows": 4, "targets": 4}
    found = bare(
        tmp_path, **MTT, **{f"audits__privacy__{k}": v for k, v in audit.items()}
    )
    assert len(counted["experts"]) == 2
    assert len(counted["shadow_experts"]) > 2
    assert not counted["experts"] & counted["shadow_experts"]
    assert found["cost"]["shadow_experts_seconds"] > 0


@pytest.mark.slow
def test_epochs_kept_for_others_change_nothing(tmp_path):
    window = {"distill__mtt__min_start": 1, "distill__mtt__expert_epochs": 2}
    ids, contents = set(), set()
    for kept in (0, 5):
        root = tmp_path / str(kept)
        changes = MTT | window | {"distill__mtt__kept_epochs": kept}
        ids.add(bare(root, **changes)["run"]["id"])
        contents.add((only_run(root) / "synthetic.npz").read_bytes())
    assert len(ids) == len(contents) == 1
    shapes = [
        np.load(file, mmap_mode="r").shape[1]
        for kept in "05"
        for file in expert_files(tmp_path / kept)
    ]
    assert shapes == [2, 6]
