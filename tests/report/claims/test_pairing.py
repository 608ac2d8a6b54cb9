"""Which Records are compared, and what is averaged."""

import cells
import numpy as np
import pytest

from dd_jax.report.claims import pairing
from dd_jax.report.claims.registered import TESTS

GAP = next(t for t in TESTS if t.kind == "falls")
METHOD = next(t for t in TESTS if t.factor == "method" and t.kind == "differs")


def of(records, test=GAP):
    return pairing.design([pairing.reading(record) for record in records], test)


def test_conditions_are_averaged_within_a_seed():
    gap = lambda ipc, init, seed, **_: {
        "gap": ipc / 100 + 0.01 * (init == "real") + 0.1 * seed
    }
    found = of(cells.grid(gap, seeds=2, methods=["dm"], inits=["noise", "real"]))
    assert found.levels == (1, 5, 10, 20) and found.unpaired == 0
    assert (found.conditions, found.records) == (6, 48)
    row = np.array([0.015, 0.055, 0.105, 0.205])
    np.testing.assert_allclose(found.values, [row, row + 0.1])
    assert found.ratios[0] == (1 / 144, 1 / 144)


def test_incomplete_seeds_are_left_out_and_counted():
    records = cells.grid(seeds=4, methods=["dm"], inits=["real"], classes=[10])
    found = of([r for r in records if (r["run"]["ipc"], r["run"]["seed"]) != (5, 1)])
    assert found.values.shape == (3, 4) and found.unpaired == 3


def test_all_seeds_have_the_same_conditions():
    """A condition of one seed only must not be part of that seed's mean."""
    gap = lambda init, **_: {"gap": 0.3 + 0.2 * (init == "noise")}
    records = cells.grid(gap, methods=["dm"], inits=["real"], classes=[10])
    extra = cells.grid(gap, seeds=1, methods=["dm"], inits=["noise"], classes=[10])
    found = of([*records, *extra])
    np.testing.assert_allclose(found.values, 0.3)
    assert (found.conditions, found.records, found.unpaired) == (1, 12, 4)


def test_levels_are_those_of_the_most_values():
    records = cells.grid(methods=["dm"], inits=["real"], classes=[10])
    stray = cells.cell(ipc=2, seed=0)
    assert of([*records, stray]).levels == (1, 5, 10, 20)
    more = cells.grid(methods=["dsa"], ipcs=(1, 10), inits=["real"], classes=[10])
    assert of([*records, *more]).levels == (1, 5, 10, 20)


def test_levels_with_enough_seeds_come_first():
    one_seed = cells.grid(seeds=1, methods=["dm"], inits=["real"])
    three = cells.grid(methods=["dsa"], ipcs=(1, 10), inits=["real"], classes=[10])
    assert of([*one_seed, *three]).levels == (1, 10)


@pytest.mark.parametrize(
    "key, other",
    [
        ("width", 64),
        ("arch", "mlp"),
        ("split", "validation"),
        ("config", {"train.epochs": 5}),
        ("results_version", 8),
        ("method_form", 2),
    ],
)
def test_cells_that_differ_in_any_other_key_are_not_paired(key, other):
    few, many = cells.cell(ipc=1), cells.cell(ipc=10)
    assert of([few, many]).levels == (1, 10)
    many["run"][key] = other
    assert len(of([few, many]).levels) == 1


def test_recipes_go_with_the_method():
    dm, dsa = cells.cell(method="dm"), cells.cell(method="dsa")
    dsa["run"]["config"] = {"distill.method": "dsa", "distill.lr": 0.5, "seed": 0}
    assert of([dm, dsa], METHOD).levels == ("dm", "dsa")
    dsa["run"]["config"]["train.epochs"] = 5
    assert len(of([dm, dsa], METHOD).levels) == 1


def test_forms_of_a_method_are_levels_with_names_of_their_own():
    first, second = cells.cell(method="frepo"), cells.cell(method="frepo")
    second["run"] |= {"id": "b" * 12, "method_form": 2}
    found = of([first, second, cells.cell(method="dm")], METHOD)
    assert found.levels == ("dm", "frepo", "frepo 2")
    assert found.names[2] == f"{found.names[1]}, form 2"


def with_recipe(ipc, lr, seed=0, **config):
    record = cells.cell(ipc=ipc, seed=seed)
    record["run"]["id"] += str((lr, config))
    record["run"]["config"] = {"distill.lr": lr, **config}
    return record


def test_recipes_go_with_the_ratio_where_each_has_one():
    few, many = with_recipe(1, 0.5), with_recipe(10, 5.0)
    assert of([few, many]).levels == (1, 10)
    assert len(of([few, with_recipe(10, 5.0, **{"train.epochs": 5})]).levels) == 1


def test_only_equal_recipes_are_paired_where_a_ratio_has_several():
    records = [with_recipe(ipc, lr) for ipc in (1, 10) for lr in (0.5, 5.0)]
    assert of(records).conditions == 2
    few, many, more = with_recipe(1, 0.5), with_recipe(10, 5.0), with_recipe(10, 0.5)
    assert (of([few, many, more]).conditions, of([few, many, more]).unpaired) == (1, 1)


def by_ratio(lr, seeds=3, **config):
    """Four ratios, with the learning rate `lr(ipc, seed)`."""
    return [
        with_recipe(ipc, lr(ipc, seed), seed=seed, **config)
        for seed in range(seeds)
        for ipc in (1, 5, 10, 20)
    ]


def test_a_single_run_with_another_recipe_is_left_out():
    stray = with_recipe(10, 0.7)
    found = of([*by_ratio(lambda ipc, seed: ipc / 2), stray])
    assert (found.levels, found.records, found.unpaired) == ((1, 5, 10, 20), 12, 1)


def test_a_recipe_that_is_there_at_all_ratios_is_compared_with_itself():
    whole = by_ratio(lambda ipc, seed: 1.0)
    more = [with_recipe(1, 9.0, seed=seed) for seed in range(5)]
    found = of([*whole, *more])
    assert (found.records, found.unpaired, found.values.shape) == (12, 5, (3, 4))
    other = by_ratio(lambda ipc, seed: 9.0)
    uneven = [with_recipe(ipc, 1.0 if ipc < 9 else 9.0, 3) for ipc in (1, 5, 10, 20)]
    found = of([*whole, *other, *uneven])
    assert (found.conditions, found.records, found.unpaired) == (2, 24, 4)


def test_recipes_that_go_with_the_seed_are_not_paired():
    assert len(of(by_ratio(lambda ipc, seed: 10.0**seed)).values) == 1


@pytest.mark.parametrize("key", ["distill.load", "distill.labels"])
def test_other_sets_and_labels_are_no_recipe(key):
    records = by_ratio(lambda ipc, seed: 1.0)
    for record in records:
        record["run"]["config"][key] = str(record["run"]["ipc"])
    assert len(of(records).levels) == 1


def test_cutmix_goes_with_the_method():
    dm, idc = cells.cell(method="dm"), cells.cell(method="idc")
    idc["run"]["config"] = {"distill.method": "idc", "train.cutmix": 0.5}
    assert of([dm, idc], METHOD).levels == ("dm", "idc")


def test_radii_that_differ_are_not_paired():
    dm, dsa = cells.cell(method="dm"), cells.cell(method="dsa")
    dsa["robustness"]["distilled"]["attacks"]["pgd_linf"][0]["eps"] = 0.05
    assert len(of([dm, dsa], METHOD).levels) == 1


def test_repeats_of_a_cell_are_averaged():
    once, again = cells.cell(gap=0.2), cells.cell(gap=0.4)
    again["run"]["id"] = "again"
    found = of([once, again])
    assert found.values.tolist() == [[pytest.approx(0.3)]] and found.records == 2


def test_a_record_without_its_seed_is_not_read():
    record = cells.cell()
    del record["run"]["seed"]
    assert pairing.reading(record) is None


def test_unresolved_values_are_not_used():
    record = cells.cell()
    record["fairness"]["distilled"]["class_gap"] = {"mean": None, "resolved": False}
    assert of([record]) is None
