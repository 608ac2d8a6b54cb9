"""Forms of fair distillation beside balanced batches of the same seeds."""

import fabricate
import pytest

from dd_jax.report import markdown
from dd_jax.report.fair_comparison import differences
from dd_jax.types import InputError


def run(i, form, seed, accuracy, odds, steps=300, init="real", **fair):
    record = fabricate.record(f"{i:03x}", seed=seed, init=init)
    record["run"]["config"] = {"distill.steps": steps, "data.colour": "foreground"}
    if form != "none":
        record["run"]["fair"] = {"form": form, "groups": 10} | fair
    record["accuracy"]["distilled"] = fabricate.around(accuracy)
    record["fairness"]["distilled"] |= {"deo_max": fabricate.around(odds)}
    return record


def rows(*found):
    lines = [line.split("|")[1:-1] for line in markdown.fair(found).splitlines()]
    columns, _, *rest = ([cell.strip() for cell in line] for line in lines)
    return {row[7]: dict(zip(columns, row)) for row in rest}


SEEDS = [
    *(run(i, "balanced", i, 0.60 + i / 100, 0.8) for i in range(3)),
    *(run(3 + i, "fairdd", i, 0.61 + i / 100, 0.5 + i / 1000) for i in range(3)),
    *(run(6 + i, "none", i, 0.30 + i / 100, 0.99) for i in range(3)),
    run(9, "dro", 0, 0.61, 0.5, eta=0.01),
]


def test_forms_are_paired_with_balanced_batches_by_seed():
    found = rows(*SEEDS)
    assert found["fairdd"]["accuracy, change"].startswith("1.0 points")
    assert found["fairdd"]["DEO max, change"].startswith("-29.9 points")
    assert found["fairdd"]["better"] == "yes" and found["none"]["better"] == "no"
    assert found["balanced"]["better"] == "-"
    assert found["dro, rate 0.01"]["better"] == "undecided"  # one seed
    assert found["dro, rate 0.01"]["seeds"] == "1"


def test_only_the_same_start_and_equal_steps_are_compared():
    longer = [run(20 + i, "balanced", i, 0.7, 0.3, steps=600) for i in range(3)]
    other = [run(30 + i, "barycentre", i, 0.7, 0.3, init="noise") for i in range(3)]
    attacked = [run(40 + i, "balanced", i, 0.9, 0.1) for i in range(3)]
    for record in attacked:
        record["run"]["config"] |= {"mitigate.robust.eps": 0.1}
    found = rows(*longer, *SEEDS, *other, *attacked)
    assert found["fairdd"]["accuracy, change"].startswith("1.0 points")
    assert found["barycentre"]["better"] == "-"


def test_the_best_learning_rate_of_balanced_batches_counts():
    worse = [run(50 + i, "balanced", i, 0.3, 0.9) for i in range(3)]
    for record in worse:
        record["run"]["config"] |= {"distill.lr": 90.0}
    for found in (rows(*worse, *SEEDS), rows(*SEEDS, *worse)):
        assert found["fairdd"]["accuracy, change"].startswith("1.0 points")


def test_runs_with_another_learning_rate_of_labels_are_apart():
    other = run(70, "balanced", 0, 0.1, 0.9)
    other["run"]["config"] |= {"distill.lr_labels": 0.5}
    for found in (rows(*SEEDS, other), rows(other, *SEEDS)):
        assert found["fairdd"]["accuracy, change"].startswith("1.0 points")


def test_dro_over_classes_is_another_form_than_over_groups():
    dro = [
        run(60 + i, "dro", i % 2, 0.6, 0.8, eta=0.01, over=over)
        for i, over in enumerate(("groups", "groups", "classes", "classes"))
    ]
    names = {"dro over groups, rate 0.01", "dro over classes, rate 0.01"}
    assert names < set(rows(*SEEDS[:6], *dro))


@pytest.mark.parametrize(
    ("form", "verdict"),
    [
        ([(0.6, 0.2), (0.6, 0.21)], "yes"),
        ([(0.5, 0.2), (0.5, 0.21)], "no"),  # less accurate
        ([(0.6, 0.9), (0.6, 0.91)], "no"),  # larger odds
        ([(0.6, 0.2), (0.6, 0.9)], "undecided"),
        ([(0.6, 0.2)], "undecided"),
    ],
)
def test_the_rule(form, verdict):
    balanced = [(0.6, 0.8), (0.601, 0.8)][: len(form)]
    assert differences(form, balanced, 1)[2] == verdict


def test_more_forms_widen_the_intervals():
    values = [(0.6, 0.5), (0.62, 0.52)], [(0.6, 0.8), (0.6, 0.8)]
    one, four = (differences(*values, compared)[1]["ci"] for compared in (1, 4))
    assert four[0] < one[0] < one[1] < four[1]


def test_without_balanced_batches_there_is_no_comparison():
    with pytest.raises(InputError, match="balanced to compare with"):
        markdown.fair(SEEDS[3:])
