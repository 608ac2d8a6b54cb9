"""Verdicts: for, against, undecided; error and power under simulation; bad Records."""

import cells
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.report import claims
from dd_jax.report.claims.registered import TESTS
from dd_jax.report.schema import sound
from dd_jax.types import InputError

NAMES = [test.name for test in TESTS]


def verdicts(records):
    return {f.test.name: f.verdict for f in claims.of_records(records)}


def noisy(rng, effect, sd):
    """Values with independent noise, and effects by quantity."""

    def value(**run):
        base = {"gap": 0.3, "full_gap": 0.1, "auc": 0.55, "subset": 0.55, "full": 0.55}
        base |= {"robust": 0.5, "full_robust": 0.5} | effect(**run)
        return {k: float(np.clip(v + rng.normal(0, sd), 0, 1)) for k, v in base.items()}

    return value


def as_claimed(ipc, init, num_classes, method, **_):
    return {
        "gap": 0.6 - 0.1 * cells.IPCS.index(ipc),
        "auc": 0.55
        + 0.03 * cells.IPCS.index(ipc)
        + 0.04 * cells.INITS.index(init)
        + 0.03 * cells.CLASSES.index(num_classes),
        "robust": 0.42 + 0.06 * cells.METHODS.index(method),
    }


def opposite(ipc, **_):
    return {
        "gap": 0.02 + 0.02 * cells.IPCS.index(ipc),
        "full_gap": 0.3,
        "auc": 0.51,
        "subset": 0.7,
        "full": 0.7,
        "robust": 0.3,
    }


def test_all_claims_are_supported_by_five_seeds_of_what_is_claimed():
    rng = np.random.default_rng(0)
    records = cells.grid(noisy(rng, as_claimed, 0.01), seeds=5)
    assert verdicts(records) == dict.fromkeys(NAMES, "supported")


def test_three_seeds_show_a_trend_over_four_ratios_but_not_three_initialisations():
    rng = np.random.default_rng(0)
    found = verdicts(cells.grid(noisy(rng, as_claimed, 0.01)))
    assert found["class gap falls as the ratio rises"] == "supported"
    assert found["AUC moves with the ratio"] == "supported"
    assert found["robust accuracy differs by method"] == "supported"
    assert found["AUC differs by initialisation"] == "undecided"


def test_all_claims_are_contradicted_by_the_opposite_or_nothing():
    rng = np.random.default_rng(1)
    found = verdicts(cells.grid(noisy(rng, opposite, 0.005), seeds=5))
    assert found == dict.fromkeys(NAMES, "contradicted")


def test_noise_of_the_size_of_effects_decides_nothing():
    rng = np.random.default_rng(2)
    few = cells.grid(
        noisy(rng, lambda **_: {"gap": 0.13}, 0.1),
        methods=["dm"],
        inits=["real"],
        classes=[10],
    )
    assert set(verdicts(few).values()) == {"undecided"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_are_undecided_and_say_so(seeds):
    found = claims.of_records(cells.grid(as_claimed, seeds=seeds))
    assert {f.verdict for f in found} == {"undecided"}
    assert all(f"{seeds} seed" in f.reason and f.effect["n"] == seeds for f in found)


def test_a_shield_that_is_too_small_does_not_contradict():
    """Lower than a random subset by 0.005: shown, and shown to be negligible."""
    rng = np.random.default_rng(3)
    effect = lambda **_: {"auc": 0.545, "subset": 0.55}
    found = verdicts(cells.grid(noisy(rng, effect, 0.001), seeds=5))
    assert found["AUC is not below a random subset's"] == "supported"


def test_a_small_gain_contradicts_what_has_to_be_of_interest():
    rng = np.random.default_rng(4)
    effect = lambda **_: {"gap": 0.11, "full_gap": 0.1}
    found = claims.of_records(cells.grid(noisy(rng, effect, 0.002), seeds=5))
    beyond = next(f for f in found if f.test.name == "class gap is beyond full data's")
    assert beyond.verdict == "contradicted" and beyond.p[0] < 0.05
    assert beyond.effect["mean"] == pytest.approx(0.01, abs=0.002)


def test_cells_are_no_replicates():
    """The same noise in all cells of a seed, as shared data give: n stays 3."""
    rng = np.random.default_rng(5)
    shared = {s: rng.normal(0, 0.02) for s in range(3)}
    value = lambda seed, **_: {"auc": 0.56 + shared[seed], "subset": 0.55}
    few = claims.of_records(cells.grid(value, methods=["dm"], inits=["real"]))
    many = claims.of_records(cells.grid(value))
    assert {f.effect["n"] for f in many if f.effect} == {3}
    d = NAMES.index("AUC is not below a random subset's")
    assert few[d].effect["ci"] == pytest.approx(many[d].effect["ci"])


def test_the_same_run_twice_counts_once():
    records = cells.grid(as_claimed)
    for one, other in zip(claims.of_records(records), claims.of_records(records * 2)):
        assert one.p == other.p and one.effect == other.effect
        assert one.design.records == other.design.records


def test_one_correction_covers_all_data_sets():
    rng = np.random.default_rng(6)
    records = cells.grid(noisy(rng, as_claimed, 0.02))
    alone = claims.of_records(records)
    other = cells.grid(noisy(rng, lambda **_: {}, 0.02))
    for record in other:
        record["run"] |= {"dataset": "other", "id": f"o{record['run']['id']}"}
    both = claims.of_records([*records, *other])
    assert len(both) == 2 * len(NAMES)
    assert all(b.p >= a.p for a, b in zip(alone, both))
    assert any(b.p > a.p for a, b in zip(alone, both))


def rate(effect, sd, seeds, wanted, repeats, **grid):
    rng = np.random.default_rng(7)
    runs = [
        verdicts(cells.grid(noisy(rng, effect, sd), seeds=seeds, **grid))
        for _ in range(repeats)
    ]
    return np.mean([wanted in run.values() for run in runs]), runs


SMALL = {"methods": ["dm", "dsa"], "inits": ["noise", "real"], "classes": [5, 10]}


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 6])
def test_family_wise_error_of_support_under_the_null(seeds):
    """No effects, or differences at their bounds; at most 0.05 and 4 errors."""
    null = lambda **_: {
        "gap": 0.3,
        "full_gap": 0.3,
        "subset": 0.57,
        "full": 0.57,
        "robust": 0.45,
    }
    found, _ = rate(null, 0.03, seeds, "supported", 400, **SMALL)
    assert found <= 0.05 + 4 * (0.05 * 0.95 / 400) ** 0.5


@pytest.mark.slow
def test_family_wise_error_of_contradiction_where_claims_just_hold():
    """Effects of just the smallest of interest, losses of just zero."""

    def least(ipc, init, num_classes, method, **_):
        return {
            "gap": 0.3 - 0.05 * cells.IPCS.index(ipc) / 3,
            "full_gap": 0.225,
            "auc": 0.55
            + 0.02 * (ipc == 20)
            + 0.02 * (init == "real")
            + 0.02 * (num_classes == 10),
            "subset": 0.575,
            "full": 0.575,
            "robust": 0.5 - 0.05 * (method == "dsa"),
        }

    found, _ = rate(least, 0.02, 4, "contradicted", 400, **SMALL)
    assert found <= 0.05 + 4 * (0.05 * 0.95 / 400) ** 0.5


@pytest.mark.slow
def test_power_of_three_seeds_against_a_clear_trend():
    """Falls of 10 points a step, noise of 10 points a cell, over 4 conditions."""
    effect = lambda ipc, **_: {"gap": 0.6 - 0.1 * cells.IPCS.index(ipc)}
    _, runs = rate(effect, 0.1, 3, "supported", 100, **SMALL)
    shown = np.mean(
        [run["class gap falls as the ratio rises"] == "supported" for run in runs]
    )
    assert shown > 0.9


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mean", "auc", "t2", "rmia", "distilled", "pgd_linf", "eps"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
RUN_KEY = st.sampled_from(
    ["seed", "ipc", "init", "num_classes", "method", "ratio", "config", "width"]
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), RUN_KEY, ANY), max_size=4),
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["fairness", "privacy", "robustness"]),
            ANY,
        ),
        max_size=4,
    ),
)
def test_hostile_records_are_left_out_or_undecided(of_run, of_parts):
    records = [cells.cell(ipc=ipc, seed=s) for ipc in (1, 10) for s in range(3)]
    for number, key, value in of_run:
        records[number]["run"][key] = value
    for number, key, value in of_parts:
        records[number][key] = value
    readable = []
    for record in records:
        try:
            readable.append(sound(record, "here")[0])
        except InputError:
            continue
    found = claims.of_records(readable)
    assert {f.verdict for f in found} <= {"supported", "contradicted", "undecided"}
    claims.blocks(found)


def test_no_records_have_no_findings():
    assert claims.of_records([]) == []
