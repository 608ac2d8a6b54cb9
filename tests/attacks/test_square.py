import jax
import numpy as np
import pytest
from by_hand import mlp, watched

from dd_jax.attacks.constraints import ball_of
from dd_jax.attacks.square import (
    _moved_norm,
    _pyramid,
    _sides,
    _tiles,
    _window,
    square_search,
)


def test_sides_halve_in_area_by_the_fixed_schedule():
    sides = _sides(9000, 0.8, 28, 28)
    expected = {0: 25, 10: 25, 11: 18, 51: 13, 201: 9, 501: 6, 1001: 4, 2001: 3}
    assert {i: sides[i] for i in expected} == expected
    assert sides[8001] == 1
    # not square: no window is larger than the shorter side
    assert _sides(1, 0.8, 3, 40)[0] == 3


def naive_pyramid(side):
    """The published recipe: growing squares of 1 / k^2 around each half's centre."""

    def half(height, width):
        values = np.zeros((height, width))
        top, left = height // 2, width // 2
        for k in range(max(top, left) + 1):
            rows = slice(max(top - k, 0), min(top + k + 1, height))
            columns = slice(max(left - k, 0), min(left + k + 1, width))
            values[rows, columns] += 1 / (k + 1) ** 2
        return values / max(np.sqrt((values**2).sum()), 1e-12)

    return np.concatenate([half(side // 2, side), -half(side - side // 2, side)])


@pytest.mark.parametrize("side", [2, 3, 5, 8])
def test_pyramid_equals_the_naive_loops(side):
    row, column = np.arange(9) - 1, np.arange(8)
    values = np.asarray(_pyramid(row, column, side))
    expected = naive_pyramid(side)
    np.testing.assert_allclose(values[1 : 1 + side, :side], expected, atol=1e-6)
    assert np.abs(values).sum() == pytest.approx(np.abs(expected).sum(), rel=1e-5)


def test_windows_reach_every_place():
    keys = jax.random.split(jax.random.key(0), 200)
    window = jax.vmap(lambda key: _window(key, (4, 3, 1), 2)[0])(keys)
    masks = np.asarray(window)[..., 0]
    assert (masks.sum((1, 2)) == 4).all()
    assert masks.any(0).all(), "the last row and column included"


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_proposals_stay_on_the_sphere_and_change_two_windows_only(norm):
    ball, shape = ball_of(norm, 0.7), (9, 7, 2)
    start = _tiles(jax.random.key(0), ball, shape)
    assert float(ball.norm(start)) == pytest.approx(0.7, rel=1e-5)
    moved = _moved_norm(jax.random.key(1), ball, start, 3)
    assert float(ball.norm(moved)) == pytest.approx(0.7, rel=1e-5)
    same = np.isclose(moved, start, rtol=1e-4, atol=1e-7).all(-1)
    assert 3 * 3 <= (~same).sum() <= 2 * 3 * 3


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.2)])
def test_search_keeps_changes_that_increase_the_margin(norm, eps):
    n, steps, side = 6, 200, 6
    model, images, labels = mlp(2, (side, side, 1), n, sharp=0.3)
    run = square_search(ball_of(norm, eps), steps=steps).run_once
    points, found, score = watched(run, model, images, labels)
    assert points.shape == (1 + steps, n, side * side)
    windows, ends = _sides(steps, 0.8, side, side), []
    for i in range(n):
        kept, levels = points[0, i], []
        for q, point in enumerate(points[:, i]):
            if q and norm == "linf":
                changed = np.abs(point - kept).reshape(side, side) > 1e-5
                for axis in (0, 1):
                    assert changed.any(axis).sum() <= windows[q - 1]
            logits = model.logits(point)
            level = np.delete(logits, labels[i]).max() - logits[labels[i]]
            if not levels or (levels[-1] <= 0 and level > levels[-1] + 1e-6):
                kept, best = point, level
            levels.append(best)
        np.testing.assert_allclose(found[i], kept, atol=1e-6)
        assert score[i] == pytest.approx(best, abs=1e-5)
        assert levels[-1] > levels[1] or levels[1] > 0, "200 queries find more than 1"
        ends.append((len(set(levels)), best > 0))
    counts, broken = zip(*ends)
    assert max(counts) > 5, "the example must accept several changes"
    assert set(broken) == {True, False}, "the example must have both outcomes"
