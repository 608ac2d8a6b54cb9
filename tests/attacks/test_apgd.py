"""APGD step by step against plain loops in float64, one example at a time."""

import numpy as np
import pytest
from by_hand import mlp, watched

from dd_jax.attacks.apgd import auto_pgd
from dd_jax.attacks.constraints import ball_of

N, STEPS, SHAPE = 8, 20, (4, 4, 1)
CHECKPOINTS = (4, 7, *range(9, 21))  # golden for 20 steps, see test_adaptive


def cross_entropy(model, x, label):
    """Loss and gradient at x."""
    logits = model.logits(x)
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    return -np.log(chances[label]), model.pull(x, chances - np.eye(3)[label])


def lead(model, x, label):
    logits = model.logits(x)
    return np.delete(logits, label).max() - logits[label]


def climb_by_halving(model, norm, eps, x, delta, label):
    """Algorithm 1 of the paper from a given start: points, and which cases occurred.

    It ends early where a sign or a comparison hangs on float32 rounding.
    """

    def project(d):
        if norm == "linf":
            d = np.clip(d, -eps, eps)
        else:
            d = d * min(1.0, eps / np.linalg.norm(d))
        return np.clip(x + d, 0, 1) - x

    points, cases = [x + delta], set()
    last, g = cross_entropy(model, x + delta, label)
    best, highest = (delta, g), last
    before, size, rises, since = delta, 2 * eps, 0, 0
    halved, highest_then = True, last
    for k in range(1, STEPS + 1):
        if norm == "linf" and np.abs(g).min() < 1e-4 * np.abs(g).max():
            break
        unit = np.sign(g) if norm == "linf" else g / np.linalg.norm(g)
        z = project(delta + size * unit)
        a = 1.0 if k == 1 else 0.75
        moved = project(delta + a * (z - delta) + (1 - a) * (delta - before))
        before, delta = delta, moved
        points.append(x + delta)
        loss, g = cross_entropy(model, x + delta, label)
        if min(abs(loss - last), abs(loss - highest)) < 1e-5:
            break
        rises += loss > last
        last = loss
        if loss > highest:
            best, highest = (delta, g), loss
        if k in CHECKPOINTS:
            stuck = not halved and highest == highest_then
            halved = rises <= 0.75 * (k - since) or stuck
            cases.add("halved" if halved else "kept")
            if halved:
                size /= 2
                if np.abs(delta - best[0]).max() > 0.01:
                    cases.add("back")
                delta, g = best
            rises, since, highest_then = 0, k, highest
    return np.array(points), cases


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.2), ("l2", 1.0)])
def test_every_step_equals_the_loop(norm, eps):
    model, images, labels = mlp(0, SHAPE, N, sharp=1.0)
    run = auto_pgd(ball_of(norm, eps), "ce", steps=STEPS).run_once
    points, found, score = watched(run, model, images, labels)
    assert points.shape == (1 + STEPS, N, 16)
    seen, followed = set(), 0
    for i, x in enumerate(images.reshape(N, -1).astype(float)):
        expected, cases = climb_by_halving(
            model, norm, eps, x, points[0, i] - x, labels[i]
        )
        seen |= cases
        followed += len(expected)
        np.testing.assert_allclose(points[: len(expected), i], expected, atol=2e-5)
        leads = [lead(model, point, labels[i]) for point in points[:, i]]
        assert score[i] == pytest.approx(max(leads), abs=1e-3)
        assert lead(model, found[i], labels[i]) == pytest.approx(max(leads), abs=1e-3)
    assert followed > 0.8 * points[..., 0].size
    assert seen == {"halved", "kept", "back"}, "the example must cover every case"


def into_l1_ball_and_box(d, x, eps):
    """Nearest point: `|u| = clip(|d| - t, 0, room)`, the sum linear between corners."""
    room = np.where(d > 0, 1 - x, x)
    size = lambda t: np.clip(np.abs(d) - t, 0, room).sum()
    t = 0.0
    if size(0) > eps:
        corners = np.unique(np.r_[0, np.abs(d), np.maximum(np.abs(d) - room, 0)])
        t = np.interp(-eps, [-size(c) for c in corners], corners)
    return np.sign(d) * np.clip(np.abs(d) - t, 0, room)


def climb_sparsely(model, eps, x, delta, label, steps):
    """One phase in L1 with a checkpoint at each step: points, best, cases seen."""
    loss, g = cross_entropy(model, x + delta, label)
    best, highest = (delta, g), loss
    support = (delta != 0).sum()
    moves = max(2 * support // 3, 1)
    size, points, cases = eps, [x + delta], set()
    for _ in range(steps):
        first = np.argsort(-np.abs(g))[:moves]
        step = np.zeros(16)
        step[first] = size / moves * np.sign(g[first])
        delta = into_l1_ball_and_box(delta + step, x, eps)
        points.append(x + delta)
        loss, g = cross_entropy(model, x + delta, label)
        if loss > highest:
            best, highest = (delta, g), loss
        fewer = (best[0] != 0).sum()
        moves = max(2 * fewer // 3, 1)
        if fewer < 0.95 * support:
            cases.add("at the best")
            size, (delta, g) = eps, best
        else:
            size = max(size / 1.5, eps / 10)
            cases.add("smaller")
        support = fewer
    return points, best[0], cases


def test_every_sparse_step_in_shrinking_l1_balls_equals_the_loop():
    eps = 0.8
    model, images, labels = mlp(3, SHAPE, N, sharp=1.0)
    run = auto_pgd(ball_of("l1", eps), "ce", steps=STEPS).run_once
    points, _, score = watched(run, model, images, labels)
    assert points.shape == (3 + STEPS, N, 16)
    seen = set()
    for i, x in enumerate(images.reshape(N, -1).astype(float)):
        expected, delta = [], points[0, i] - x
        for factor, steps in ((3, 6), (2, 6), (1, 8)):
            delta = into_l1_ball_and_box(delta, x, factor * eps)
            phase, delta, cases = climb_sparsely(
                model, factor * eps, x, delta, labels[i], steps
            )
            expected += phase
            seen |= cases
        np.testing.assert_allclose(points[:, i], expected, atol=2e-5)
        inside = max(lead(model, point, labels[i]) for point in phase)
        assert score[i] == pytest.approx(inside, abs=1e-3)
    assert seen == {"at the best", "smaller"}, "the example must cover every case"
