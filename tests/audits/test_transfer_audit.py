"""The transfer audit: every group of networks against every other."""

import jax
import numpy as np
import pytest
from contexts import context, network, untrained

from dd_jax.audits import transfer_audit

PIPES = {"distilled", "random_subset", "full_data"}
ROBUSTNESS = {"steps": 2, "images": 10, "eps_linf": (0.0, 0.1), "nets": 2}


def given(nets=2, fields=None, **options):
    others = {"robustness": ROBUSTNESS | {"nets": nets}}
    return context("transfer", others=others, fields=fields, **options)[0]


@pytest.mark.slow
def test_each_pipeline_is_attacked_by_all_and_by_its_siblings():
    rows = transfer_audit.measure(given())
    pairs = {(row["source"], row["target"]) for row in rows}
    # full data has one network, hence no sibling
    assert len(pairs) == 8 and ("full_data", "full_data") not in pairs
    assert len(rows) == 8 * 2
    assert {round(row["eps"], 6) for row in rows} == {0.0, 0.1}
    assert {(row["attack"], row["steps"]) for row in rows} == {("pgd_linf", 2)}


@pytest.mark.slow
def test_other_architectures_methods_and_sets_are_groups_of_their_own():
    other = network("convnet", width=4, depth=1)
    variants = lambda: {
        "convnet": (other, untrained(1, 5, other)),
        "set 1, herding": (network(), untrained(1, 6)),
    }
    estimated = []

    def estimate(pipe, values):
        estimated.append(pipe)
        return {"mean": float(np.mean(values)), "ci": None, "n": len(values)}

    fields = {"variants": variants, "estimate": estimate}
    rows = transfer_audit.measure(given(1, fields, architectures=("convnet",)))
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


@pytest.mark.slow
def test_each_source_has_a_key_of_its_own_and_is_cached():
    made = given()
    groups = transfer_audit.networks_of(made)
    assert [len(jax.tree.leaves(g.params)[0]) for g in groups.values()] == [2, 2, 1]
    first = transfer_audit.transferred(made, groups)
    again = transfer_audit.transferred(made, groups)
    assert all(again[pair].robust is first[pair].robust for pair in first)
    one = transfer_audit.transferred(
        made._replace(cached=lambda _, make: make()), groups
    )
    for pair in first:
        np.testing.assert_array_equal(one[pair].robust, first[pair].robust)


@pytest.mark.parametrize("most, left", [(1, 1), (5, 2)])
def test_the_first_networks_of_each_set_are_attacked(most, left):
    groups = transfer_audit.networks_of(given(most))
    assert len(jax.tree.leaves(groups["random_subset"].params)[0]) == left
