import numpy as np
import pytest

from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import (
    area_under_curve,
    class_robust_accuracy,
    median_perturbation,
    smallest_adversarial_radius,
    worst_case,
)
from dd_jax.types import InputError


def curve(eps, robust, norm="linf"):
    robust = np.array(robust, bool)[None]
    rows = [{"eps": e, "norm": norm, "steps": 20} for e in eps]
    return Curve(rows, np.ones((1, robust.shape[-1]), bool), robust, np.zeros((1, 1)))


def test_worst_case_joins_attacks_and_is_monotone():
    curves = {
        "a": curve([0.2, 0.1], [[1, 0, 1, 0], [1, 1, 0, 1]]),
        "b": curve([0.1, 0.4], [[0, 1, 1, 1], [1, 1, 1, 1]]),
        "c": curve([1.0], [[1, 1, 1, 0]], norm="l2"),
    }
    worst = worst_case(curves)
    radii, robust = worst["linf"]
    np.testing.assert_array_equal(radii, [0.1, 0.2, 0.4])
    expected = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(robust[0], expected)
    np.testing.assert_array_equal(worst["l2"][1][0], [[True, True, True, False]])
    radius = smallest_adversarial_radius(radii, robust)
    np.testing.assert_array_equal(radius, [[0.1, 0.2, 0.1, 0.2]])


def test_radius_of_images_that_are_always_right_is_infinite():
    robust = np.array([[True, True, False], [True, False, False]])
    radius = smallest_adversarial_radius(np.array([0.1, 0.3]), robust)
    np.testing.assert_array_equal(radius, [np.inf, 0.3, 0.1])
    assert median_perturbation(radius) == 0.3
    assert median_perturbation(np.array([1.0, 2.0, np.inf, np.inf])) == 2.0
    assert median_perturbation(np.array([1.0, np.inf, np.inf])) == np.inf


def test_area_of_a_line_and_of_a_step_grid():
    eps = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(area_under_curve(eps, 1 - eps), 0.5)
    both = area_under_curve(eps, np.array([[1, 1, 1], [0.8, 0.4, 0.0]]))
    np.testing.assert_allclose(both, [1.0, 0.6 * 0.25 + 0.2 * 0.75])
    for bad in ([0.1], [0.1, 0.1]):
        with pytest.raises(InputError, match="needs 2 or more ascending radii"):
            area_under_curve(np.array(bad), np.ones(len(bad)))


def test_class_accuracy_of_each_network_and_radius():
    robust = np.array([[[1, 1, 0, 0, 1]], [[0, 1, 1, 1, 1]]], bool)
    labels = np.array([0, 0, 0, 1, 1])
    accuracy = class_robust_accuracy(robust, labels, 3)
    np.testing.assert_allclose(accuracy[:, 0, :2], [[2 / 3, 0.5], [2 / 3, 1.0]])
    assert np.isnan(accuracy[..., 2]).all()
