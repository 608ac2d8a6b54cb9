import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dd_jax.attacks.plane import to_plane

SHAPE = (3, 2, 1)
WAYS = {norm: jax.jit(to_plane(norm)) for norm in ("linf", "l2", "l1")}
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}


def problem(seed, share):
    """Weights of mixed size, some 0; a level that takes that share of all room."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=6) * 10.0 ** rng.integers(-2, 1, 6) * (rng.random(6) > 0.2)
    x = np.clip(rng.uniform(-0.2, 1.2, 6), 0, 1)
    sign = rng.choice([-1.0, 1.0])
    room = np.where(sign * w > 0, 1 - x, x)
    return w, sign * share * np.abs(w) @ room, x, room


def least_norm(norm, w, c, x):
    """The least distance by linear programming, in L2 by a fine search."""
    if norm == "l2":
        size, room = np.abs(w), np.where(np.sign(c) * w > 0, 1 - x, x)
        low, high = 0.0, 1e6
        for _ in range(200):
            t = (low + high) / 2
            if size @ np.minimum(t * size, room) < abs(c):
                low = t
            else:
                high = t
        return np.linalg.norm(np.minimum(high * size, room))
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


@pytest.mark.parametrize("norm", list(WAYS))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), share=st.sampled_from([0.05, 0.4, 0.9, 0.99]))
def test_way_is_the_shortest_in_the_box(norm, seed, share):
    w, c, x, _ = problem(seed, share)
    delta = WAYS[norm](
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


@pytest.mark.parametrize("norm", list(WAYS))
def test_all_room_is_taken_where_the_plane_is_out_of_reach(norm):
    w, c, x, room = problem(3, 1.5)
    delta = WAYS[norm](w.reshape(SHAPE), c, x.reshape(SHAPE))
    taken = np.where(w != 0, np.sign(c) * np.sign(w) * room, 0)
    np.testing.assert_allclose(np.ravel(delta), taken, atol=1e-6)
    assert not np.any(WAYS[norm](np.zeros(SHAPE), 1.0, x.reshape(SHAPE)))
