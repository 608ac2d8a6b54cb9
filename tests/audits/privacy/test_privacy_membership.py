"""The audit of an array of logits: slices, canaries and shared seeds apart."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits.privacy import all_targets, evaluate_membership, summarise
from dd_jax.audits.privacy.membership import audited_rows
from dd_jax.audits.privacy.row_thresholds import (
    rates_at_row_thresholds,
    scores_without_pairs,
)
from dd_jax.audits.privacy.shadow_thresholds import rates_at_shadow_thresholds
from dd_jax.types import InputError

M, N, K = 12, 120, 3
GAIN = 1.5


def world(seed=0):
    """Models surer of their members; of points divisible by 4 much surer."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, K, N).astype(np.int32)
    half = np.arange(N) < N // 2
    masks = np.stack([rng.permutation(half) for _ in range(M // 2)])
    member = np.stack([masks, ~masks], axis=1).reshape(M, N)
    logits = rng.normal(size=(M, N, 1, K)).astype(np.float32)
    gain = np.where(np.arange(N) % 4 == 0, 8.0, GAIN)
    logits[:, np.arange(N), 0, labels] += member * gain
    return jnp.asarray(logits), labels, member


def evaluate(scores=("lira_online", "loss"), **kw):
    return evaluate_membership(*world(), scores=scores, seed=0, **kw)


def test_figures_are_those_of_the_parts():
    logits, labels, member = world()
    found = evaluate().record
    assert set(found) == {"lira_online", "loss"}
    values = np.asarray(all_targets("loss", logits, labels, member))
    expected = summarise(values, member, seed=0)
    calibrated = found["loss"].pop("calibrated")
    per_row = found["loss"].pop("tpr_at_fpr_per_row")
    others = scores_without_pairs("loss", logits, labels, member)
    assert per_row == rates_at_row_thresholds(values, member, others)
    assert per_row["0.1"]["mean"] != expected["tpr_at_fpr"]["0.1"]["mean"]
    assert found["loss"] == expected
    assert calibrated["0.1"] == rates_at_shadow_thresholds(values, member, 0.1)
    assert set(calibrated) == {"0.1", "0.01"}
    assert found["lira_online"]["variance"] == "fixed"
    again = evaluate().record
    assert json.loads(json.dumps(again, allow_nan=False)) == again


def test_variance_is_chosen_and_named():
    options = {"lira_online": {"variance": "per_example"}}
    found = evaluate(("lira_online", "loss"), options=options).record
    assert found["lira_online"]["variance"] == "per_example"
    assert found["lira_online"]["auc"] != evaluate().record["lira_online"]["auc"]
    assert "variance" not in found["loss"]


def test_slices_have_figures_of_their_own():
    exposed = (np.arange(N) % 4 == 0).astype(int)
    found = evaluate(("loss",), slices={"by_group": exposed}).record["loss"]["by_group"]
    assert found["1"]["auc"]["mean"] > 0.95 > 0.85 > found["0"]["auc"]["mean"]
    assert set(found["0"]) == {"auc", "tpr_at_fpr"}


def test_outputs_that_are_not_finite_are_refused():
    logits, labels, member = world()
    logits = np.array(logits)
    logits[3, 1, 0, 0] = np.inf
    with pytest.raises(InputError, match="model 3 of .* not finite"):
        evaluate_membership(logits, labels, member, scores=("loss",), seed=0)


def test_canaries_stay_out_of_the_other_figures():
    logits, labels, member = world()
    canary = np.where(np.arange(N) % 4 == 0, np.arange(N) // 4 % 2, -1)
    found = evaluate_membership(
        logits,
        labels,
        member,
        scores=("lira_online",),
        seed=0,
        canary=canary,
        slices={"by_class": labels},
    ).record["lira_online"]
    plain = canary < 0
    rows = logits[:, plain], labels[plain], member[:, plain]
    without = evaluate_membership(*rows, scores=("lira_online",), seed=0)
    without = without.record["lira_online"]
    assert {key: found[key] for key in without} == without
    assert set(found["canaries"]) == {"0", "1"}
    assert min(each["auc"]["mean"] for each in found["canaries"].values()) > 0.95
    assert max(each["auc"]["mean"] for each in found["by_class"].values()) < 0.9


def test_shared_seed_models_are_shadows_and_an_upper_bound_apart():
    logits, labels, member = world()
    found = evaluate(("loss",), shared=8).record["loss"]
    values = np.asarray(all_targets("loss", logits, labels, member))
    assert found["auc"] == summarise(values[8:], member[8:], seed=0)["auc"]
    assert found["auc"]["n"] == 4
    bound = summarise(values[:8], member[:8], seed=0)["auc"]
    assert found["shared_seed"]["auc"] == bound


def test_options_reach_the_score_that_has_them():
    rmia = {"rmia": {"a": 0.3}}
    found = evaluate(("rmia", "loss"), options=rmia).record
    plain = evaluate(("rmia", "loss")).record
    assert found["loss"] == plain["loss"] and found["rmia"] != plain["rmia"]
    with pytest.raises(InputError, match="'a' is not known; the score takes none"):
        evaluate(("loss",), options={"loss": {"a": 0.3}})


def test_curves_end_at_one():
    points = evaluate().curves["lira_online"]
    assert points == sorted(points) and points[-1] == [1.0, 1.0]


@pytest.mark.parametrize("left_out", [0, 5])
def test_rows_that_a_pair_leaves_out_are_not_audited(left_out):
    _, _, member = world()
    member = member.copy()
    member[2:4, left_out] = False
    expected = np.delete(np.arange(N), left_out)
    np.testing.assert_array_equal(audited_rows(member), expected)
