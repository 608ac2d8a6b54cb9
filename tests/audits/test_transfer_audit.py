"""The transfer audit: every group of networks against every other."""

import jax
import numpy as np
import pytest
from contexts import context, network, untrained
from tiny import quick_compiles as quick_compiles

from dd_jax.audits import transfer_audit

PIPES = {"distilled", "random_subset", "full_data"}
KEYS = {
    "audits.transfer.enabled": True,
    "audits.robustness.steps": 2,
    "audits.robustness.images": 10,
    "audits.robustness.eps_linf": (0.0, 0.1),
    "audits.robustness.nets": 2,
}


def test_each_pipeline_is_attacked_by_all_and_by_its_siblings():
    rows = transfer_audit.measure(context("transfer", changes=KEYS)[0])
    pairs = {(row["source"], row["target"]) for row in rows}
    # full data has one network, hence no sibling
    assert len(pairs) == 8 and ("full_data", "full_data") not in pairs
    assert len(rows) == 8 * 2
    assert {round(row["eps"], 6) for row in rows} == {0.0, 0.1}
    assert {(row["attack"], row["steps"]) for row in rows} == {("pgd_linf", 2)}


def test_other_architectures_methods_and_sets_are_groups_of_their_own():
    other = network("convnet", width=4, depth=1)
    variants = lambda: {
        "convnet": (other, untrained(1, 5, other)),
        "set 1, herding": (network(), untrained(1, 6)),
    }
    keys = KEYS | {
        "audits.transfer.architectures": ("convnet",),
        "audits.robustness.nets": 1,
    }
    estimated = []

    def estimate(pipe, values):
        estimated.append(pipe)
        return {"mean": float(np.mean(values)), "ci": None, "n": len(values)}

    given, _ = context("transfer", changes=keys, variants=variants, estimate=estimate)
    rows = transfer_audit.measure(given)
    groups = PIPES | {"convnet", "set 1, herding"}
    pairs = {(row["source"], row["target"]) for row in rows}
    assert pairs == {(a, b) for a in groups for b in groups if a != b}
    at_zero = {
        (row["source"], row["target"]): row["accuracy"]["mean"]
        for row in rows
        if row["eps"] == 0
    }
    for target in groups:  # clean images, whatever the source
        assert len({v for (_, t), v in at_zero.items() if t == target}) == 1
    # an architecture learns from the run's sets, so that its interval is over them
    assert "convnet" not in estimated and "set 1, herding" in estimated


def test_each_source_has_a_key_of_its_own_and_is_cached():
    given, _ = context("transfer", changes=KEYS)
    groups = transfer_audit.networks_of(given)
    assert [len(jax.tree.leaves(g.params)[0]) for g in groups.values()] == [2, 2, 1]
    first = transfer_audit.transferred(given, groups)
    again = transfer_audit.transferred(given, groups)
    assert all(again[pair].robust is first[pair].robust for pair in first)
    one = transfer_audit.transferred(
        given._replace(cached=lambda _, make: make()), groups
    )
    for pair in first:
        np.testing.assert_array_equal(one[pair].robust, first[pair].robust)


@pytest.mark.parametrize("most, left", [(1, 1), (5, 2)])
def test_the_first_networks_of_each_set_are_attacked(most, left):
    keys = KEYS | {"audits.robustness.nets": most}
    groups = transfer_audit.networks_of(context("transfer", changes=keys)[0])
    assert len(jax.tree.leaves(groups["random_subset"].params)[0]) == left
