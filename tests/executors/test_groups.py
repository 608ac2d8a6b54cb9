from types import SimpleNamespace

import pytest
from tiny import TINY, make

from dd_jax import run
from dd_jax.executors.groups import described, shares_of
from dd_jax.run.cached import cache_dir
from dd_jax.run.context import start


def cell(fingerprint="f", **changes):
    return SimpleNamespace(config=make(TINY, **changes), fingerprint=fingerprint)


def same(a, b):
    """What two cells share."""
    one, other = shares_of(a), shares_of(b)
    parts = {p for p in one.parts if one.parts[p] == other.parts.get(p)}
    return ({"programs"} if one.programs == other.programs else set()) | parts


ALL = {"random_subset", "full_data", "random_subset_shadows", "full_data_shadows"}
FULL = {"full_data", "full_data_shadows"}


@pytest.mark.parametrize(
    "changes, shared",
    [
        ({"distill__init": "noise"}, {"programs"} | ALL),
        ({"report__html": False}, {"programs"} | ALL),
        ({"seed": 1}, {"programs"}),
        ({"distill__method": "dsa"}, ALL),
        ({"distill__ipc": 3}, FULL),
        ({"audits__privacy__shadows": 6}, {"random_subset", "full_data"}),
        ({"audits__privacy__enabled": False}, {"random_subset", "full_data"}),
        ({"train__full_epochs": 3}, {"random_subset"}),
        ({"train__lr": 0.5}, {"programs"}),
        ({"distill__lr": 0.5}, ALL),
        ({"fingerprint": "other data"}, set()),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_cells_share_what_they_agree_on(changes, shared):
    assert same(cell(), cell(**changes)) == shared


def test_float_hyper_parameters_are_inputs_of_the_programs_unless_they_are_0():
    rates = {"distill__lr": 0.5, "distill__lr_labels": 0.5}
    for key in rates:
        assert "programs" in same(cell(**rates), cell(**rates | {key: 0.1}))
        assert "programs" not in same(cell(**rates), cell(**rates | {key: 0.0}))


def test_experts_are_those_of_one_recipe_whatever_they_are_followed_for():
    mtt = lambda **changes: cell(distill__method="mtt", **changes)
    assert "experts" in same(mtt(), mtt(distill__ipc=3))
    assert "experts" not in same(mtt(), mtt(train__batch=32))
    assert "experts" not in same(mtt(), mtt(**{"distill.mtt.expert_lr": 0.5}))
    assert "programs" in same(mtt(), mtt(**{"distill.mtt.expert_lr": 0.5}))
    assert "programs" not in same(mtt(), mtt(**{"distill.mtt.student_steps": 3}))
    assert "experts" not in shares_of(cell()).parts
    shadows = {"audits.privacy.canaries": 4, "train.full_epochs": 77}
    kinds = {"audits.privacy.canary_kinds": ("hardest",)}
    plain = shadows | kinds | {"train.full_epochs": 78}
    assert "shadow_experts" in same(mtt(**shadows), mtt(**shadows, distill__ipc=3))
    assert "shadow_experts" not in same(mtt(**shadows | kinds), mtt(**plain))


def test_a_teacher_is_shared_by_cells_of_any_budget_of_labels():
    taught = lambda **changes: cell(**{"distill.labels": "teacher", **changes})
    one = taught()
    assert "teacher" in same(one, taught(**{"distill.teacher.bytes": 500}))
    assert "teacher" in same(one, taught(distill__method="dsa", distill__ipc=3))
    assert "teacher" not in same(one, taught(**{"distill.teacher.epochs": 3}))
    assert "teacher" not in same(one, taught(**{"distill.teacher.lr": 0.5}))
    assert "teacher" not in shares_of(cell()).parts


def test_scores_of_rows_are_shared_by_cells_of_any_size_and_controls_by_those_of_one():
    beside = lambda **changes: cell(**{"audits.controls.enabled": True, **changes})
    one, both = beside(), {"scores of rows", "controls"}
    assert both <= same(one, beside(distill__method="dsa"))
    assert both & same(one, beside(distill__ipc=3)) == {"scores of rows"}
    for key in ("audits.controls.holdout", "train.lr"):
        assert not both & same(one, beside(**{key: 0.4}))
    assert not both & set(shares_of(cell()).parts)


def test_ids_are_those_of_the_folders_that_runs_share(tmp_path):
    ready = run.prepared(make(TINY))
    started = start(ready, tmp_path / "run", tmp_path / "cache")
    for part, name in shares_of(ready).parts.items():
        assert cache_dir(started, part).parent == tmp_path / "cache" / name


def test_cells_share_dp_sgd_unless_its_noise_or_steps_differ():
    private = {"dp__epsilon": 1.0, "distill__init": "noise", "dp__sgd__epochs": 2}
    dp_sgd, shadows = {"dp_sgd"}, {"dp_sgd", "dp_sgd_shadows"}
    one = cell(**private)
    assert shadows <= set(shares_of(one).parts)
    assert not shadows & set(shares_of(cell(**private | {"dp__sgd__epochs": 0})).parts)
    assert shadows <= same(one, cell(**private, distill__ipc=3, dp__releases=3))
    for key, value in (("epsilon", 2.0), ("sgd__epochs", 3), ("sgd__clip", 2.0)):
        assert not shadows & same(one, cell(**private | {f"dp__{key}": value}))
    other = cell(**private, audits__privacy__shadows=6)
    assert shadows & same(one, other) == dp_sgd


def test_the_plan_counts_groups_and_parts():
    shared = [
        shares_of(cell(distill__ipc=ipc, distill__init=init))
        for ipc in (1, 2, 3)
        for init in ("real", "noise")
    ]
    groups, trained = described(shared)
    words = "compiled programs: 3 groups of 2 cells that differ in no shape"
    assert groups == words
    assert "3 random subset (for 6 cells), 1 full data (for 6 cells)" in trained
