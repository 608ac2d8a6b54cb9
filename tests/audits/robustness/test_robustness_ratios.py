import numpy as np
import pytest

from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.ratios import (
    beard_robustness_ratio,
    robustness_ratios,
    rome_robustness_ratio,
)


def test_beard_ratios_have_the_golden_values():
    targeted = [39.13, 40.10, 44.06, 44.93]
    untargeted = [33.27, 26.45, 44.05, 16.11, 11.84, 23.85]
    assert 100 * beard_robustness_ratio(61.73, targeted) == pytest.approx(12.94, 1e-3)
    assert 100 * beard_robustness_ratio(61.73, untargeted) == pytest.approx(28.24, 1e-3)
    assert beard_robustness_ratio(0.5, [0.5, 0.5]) == 1.0


def test_rome_ratio_by_hand():
    # drops of 0.5 on average and 0.6 at most, of 0.8
    assert rome_robustness_ratio(0.8, [0.4, 0.2]) == pytest.approx(1 - 0.5 * 0.6 / 0.64)
    assert rome_robustness_ratio(0.8, [0.8, 0.8]) == 1.0
    assert rome_robustness_ratio(0.8, [0.0, 0.0]) == 0.0


def test_no_ratio_where_clean_accuracy_is_0():
    for ratio in (beard_robustness_ratio, rome_robustness_ratio):
        assert np.isnan(ratio(0.0, [0.0, 0.0]))


def curve(clean, robust, eps, norm="linf"):
    """Two networks on four images, right on the first of them by counts."""
    right = lambda counts: np.arange(4) < np.asarray(counts)[..., None]
    rows = [{"eps": e, "norm": norm, "steps": 20} for e in eps]
    return Curve(rows, right(clean), right(robust), np.zeros((2, len(eps))))


def test_ratios_join_the_attacks_of_a_norm_and_radius():
    curves = {
        "fgsm": curve([4, 2], [[4, 3], [2, 2]], [0.0, 0.1]),
        "pgd_linf": curve([4, 2], [[1, 4], [0, 2]], [0.1, 0.0]),
        "pgd_l2": curve([4, 2], [[1], [0]], [0.1], norm="l2"),
    }
    found = robustness_ratios(curves)
    assert list(found) == [("linf", 0.1)]
    # first network: 1 -> 0.75 and 0.25; second: 0.5 -> 0.5 and 0
    rome, beard = found["linf", 0.1]["rome"], found["linf", 0.1]["beard"]
    np.testing.assert_allclose(rome, [1 - 0.5 * 0.75, 1 - 0.25 * 0.5 / 0.25])
    np.testing.assert_allclose(beard, [1 - 0.5 / 0.75, 1 - 0.25 / 0.5])


def test_a_network_without_a_right_answer_has_no_ratio():
    curves = {name: curve([4, 0], [[4], [0]], [0.1]) for name in ("fgsm", "mim")}
    rome = robustness_ratios(curves)["linf", 0.1]["rome"]
    assert rome[0] == 1 and np.isnan(rome[1])
    assert robustness_ratios({}) == {}
