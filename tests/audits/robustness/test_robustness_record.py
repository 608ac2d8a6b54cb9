"""The robustness part of a Record."""

import numpy as np
import pytest
from made_curves import made
from scipy import stats

from dd_jax.audits.robustness import record, robust_accuracy


def attacked(accuracy):
    """One network on 100 images, with scipy's binomial interval."""
    exact = stats.binomtest(round(100 * accuracy), 100).proportion_ci(0.95, "exact")
    interval = pytest.approx([exact.low, exact.high])
    return {"mean": accuracy, "n": 1, "image_ci": interval}


def test_record_holds_an_estimate_for_each_radius():
    curve = made([0.9, 0.25], [0.0, 0.1], steps=20)
    summarise = lambda values: {"mean": float(values.mean()), "n": len(values)}
    labels = np.arange(100) // 50
    part = record({"pgd_linf": curve}, summarise, labels, 3)
    assert part["images"] == 100
    assert part["clean"] == attacked(0.9)
    assert part["attacks"]["pgd_linf"] == [
        {"eps": 0.0, "norm": "linf", "steps": 20, "accuracy": attacked(0.9)},
        {"eps": 0.1, "norm": "linf", "steps": 20, "accuracy": attacked(0.25)},
    ]
    assert part["worst_case"][1]["accuracy"]["mean"] == 0.25
    per_class = part["worst_case"][1]["per_class"]
    np.testing.assert_array_equal(per_class, [0.5, 0.0, np.nan])
    assert part["ratios"] == [], "one attack makes no ratio"
    assert part["area"]["linf"]["mean"] == pytest.approx((0.9 + 0.25) / 2)
    assert part["checks"]["eps_zero_equals_clean"] is True
    assert part["median_fall"]["linf"]["mean"] == 0.1
    assert "median_perturbation" not in part


def test_record_holds_the_accuracy_of_each_group():
    curve = made([0.9, 0.25], [0.0, 0.1], steps=20)
    groups, labels = np.repeat([3, 8], [20, 80]), np.zeros(100, int)
    mean = lambda values: {"mean": float(values.mean())}
    part = record({"pgd_linf": curve}, mean, labels, 1, groups=groups)
    for row, right in zip(part["worst_case"], curve.robust[0], strict=True):
        assert {g: of["mean"] for g, of in row["by_group"].items()} == {
            "3": right[:20].mean(),
            "8": right[20:].mean(),
        }
        exact = stats.binomtest(int(right[:20].sum()), 20).proportion_ci(0.95, "exact")
        assert row["by_group"]["3"]["image_ci"] == pytest.approx(list(exact))
    plain = record({"pgd_linf": curve}, mean, labels, 1)["worst_case"][0]
    assert "by_group" not in plain


def test_the_median_radius_is_unknown_where_most_images_are_robust():
    curve = made([0.9, 0.75], [0.0, 0.1], steps=20)
    labels = np.zeros(100, int)
    part = record({"pgd_linf": curve}, lambda v: {"mean": v.mean()}, labels, 1)
    assert part["median_fall"] == {"linf": None}


def test_record_holds_the_median_of_distances_and_all_evidence():
    curve = made([0.5], [0.1], steps=20)
    part = record(
        {"pgd_linf": curve, "mim": curve},
        lambda values: {"mean": float(values.mean())},
        np.zeros(100, int),
        1,
        distances={
            "deepfool": np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.5]]),
            "fab_t": np.array([[0.1, np.inf, np.inf]]),
        },
        doubled={"pgd_linf": made([0.3], [0.1], steps=40)},
    )
    medians = part["median_perturbation"]
    assert medians["deepfool"]["mean"] == pytest.approx(0.3)
    assert medians["fab_t"] is None
    # 0.9 -> 0.5 under both attacks
    rome, beard = {"mean": pytest.approx(1 - 0.16 / 0.81)}, {"mean": pytest.approx(0)}
    row = {"eps": 0.1, "norm": "linf", "rome": rome, "beard": beard}
    assert part["ratios"] == [row]
    assert part["checks"]["unbounded_always_succeeds"] is False
    assert part["checks"]["steps_converged"] is False


def test_robust_accuracy_is_a_share_for_each_network_and_radius():
    correct = np.array([[[True, False, False, False]], [[True, True, True, False]]])
    np.testing.assert_array_equal(robust_accuracy(correct), [[0.25], [0.75]])
