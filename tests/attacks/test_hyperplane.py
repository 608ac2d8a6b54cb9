import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dd_jax.attacks.hyperplane import project_to_hyperplane

SHAPE = (3, 2, 1)
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}
PROJECTIONS = {norm: jax.jit(project_to_hyperplane(norm)) for norm in ORDER}


def problem(seed, share):
    """Weights of mixed size, some 0; a level at that share of what the box allows."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=6) * 10.0 ** rng.integers(-2, 1, 6) * (rng.random(6) > 0.2)
    x = np.clip(rng.uniform(-0.2, 1.2, 6), 0, 1)
    sign = rng.choice([-1.0, 1.0])
    bound = np.where(sign * w > 0, 1 - x, x)
    return w, sign * share * np.abs(w) @ bound, x, bound


def least_norm(norm, w, c, x):
    """The least distance by linear programming, in L2 by a fine search."""
    if norm == "l2":
        size, bound = np.abs(w), np.where(np.sign(c) * w > 0, 1 - x, x)
        low, high = 0.0, 1e6
        for _ in range(200):
            t = (low + high) / 2
            if size @ np.minimum(t * size, bound) < abs(c):
                low = t
            else:
                high = t
        return np.linalg.norm(np.minimum(high * size, bound))
    d, one = np.eye(6), np.ones((6, 1))
    if norm == "linf":  # variables delta, t; |delta_i| <= t
        cost, bound = np.r_[np.zeros(6), 1], np.block([[d, -one], [-d, -one]])
        extra = 1
    else:  # variables delta, s; |delta_i| <= s_i
        cost, bound = np.r_[np.zeros(6), np.ones(6)], np.block([[d, -d], [-d, -d]])
        extra = 6
    limits = [(-v, 1 - v) for v in x] + [(0, None)] * extra
    found = linprog(
        cost, bound, np.zeros(12), np.r_[w, np.zeros(extra)][None], [c], limits
    )
    return found.fun


@pytest.mark.parametrize("norm", list(PROJECTIONS))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.05, 0.4, 0.9, 0.99]))
def test_projection_is_the_nearest_point_in_the_box(norm, seed, share):
    w, c, x, _ = problem(seed, share)
    delta = PROJECTIONS[norm](
        *(np.float32(v) for v in (w.reshape(SHAPE), c)), x.reshape(SHAPE)
    )
    delta = np.asarray(delta, np.float64).ravel()
    scale = max(np.abs(w).max(), 1e-6)
    assert w @ delta == pytest.approx(c, abs=2e-5 * scale)
    assert (x + delta >= -1e-6).all() and (x + delta <= 1 + 1e-6).all()
    least = least_norm(norm, w, c, x)
    assert np.linalg.norm(delta, ORDER[norm]) == pytest.approx(
        least, rel=1e-3, abs=1e-4
    )


@pytest.mark.parametrize("norm", list(PROJECTIONS))
def test_pixels_end_at_their_bounds_where_the_hyperplane_is_out_of_reach(norm):
    w, c, x, bound = problem(3, 1.5)
    delta = PROJECTIONS[norm](w.reshape(SHAPE), c, x.reshape(SHAPE))
    expected = np.where(w != 0, np.sign(c) * np.sign(w) * bound, 0)
    np.testing.assert_allclose(np.ravel(delta), expected, atol=1e-6)
    assert not np.any(PROJECTIONS[norm](np.zeros(SHAPE), 1.0, x.reshape(SHAPE)))
