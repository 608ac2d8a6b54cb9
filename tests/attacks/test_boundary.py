"""FAB step by step against a plain loop in float64, one example at a time."""

import numpy as np
import pytest
from by_hand import mlp, watched

from dd_jax.attacks.boundary import fast_adaptive_boundary
from dd_jax.attacks.constraints import ball_of

N, STEPS, SHAPE = 6, 8, (3, 4, 1)


def loop(model, norm, x0, start, label, classes):
    """Algorithm 1 away from the box: points queried, cases seen.

    Bias 0.1, overshoot 1.05, backward 0.9.
    """
    order, dual = (np.inf, 1) if norm == "linf" else (2, 2)
    axes = np.eye(3)

    def to_hyperplane(w, level):
        if norm == "linf":
            return level * np.sign(w) / np.abs(w).sum()
        return level * w / (w @ w)

    x, queried, cases = start, [start], set()
    closest, least = x0, np.inf
    for _ in range(STEPS):
        planes = []
        for k in classes:
            up = axes[k] - axes[label]
            planes.append((model.logits(x) @ up, model.pull(x, up)))
        lead, w = min(planes, key=lambda p: abs(p[0]) / np.linalg.norm(p[1], dual))
        d1, d2 = to_hyperplane(w, -lead), to_hyperplane(w, -lead - w @ (x0 - x))
        near, far = np.linalg.norm(d1, order), np.linalg.norm(d2, order)
        a = min(near / (near + far), 0.1)
        cases.add("less than the largest bias" if a < 0.1 else "largest bias")
        x = (1 - a) * (x + 1.05 * d1) + a * (x0 + 1.05 * d2)
        assert 0 < x.min() and x.max() < 1
        queried.append(x)
        if model.logits(x).argmax() != label:
            distance = np.linalg.norm(x - x0, order)
            cases.add("closer" if distance < least else "not closer")
            if distance < least:
                closest, least = x, distance
            x = x0 + 0.9 * (x - x0)
        else:
            cases.add("not adversarial")
        queried.append(x)
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        at = x0 + middle * (closest - x0)
        misclassified = model.logits(at).argmax() != label
        low, high = (low, middle) if misclassified else (middle, high)
    return np.array(queried[:-1]), x0 + high * (closest - x0), high * least, cases


@pytest.mark.parametrize(
    ("norm", "targets", "seed", "case"),
    [("l2", 0, 0, "not adversarial"), ("linf", 2, 3, "not closer")],
)
def test_every_step_equals_the_loop(norm, targets, seed, case):
    model, images, labels = mlp(seed, SHAPE, N, sharp=1.0)
    again = {"targets": targets} if targets else {"restarts": 2}
    run = fast_adaptive_boundary(ball_of(norm, 0.4), steps=STEPS, **again).run_once
    points, found, score = watched(run, model, images, labels, index=1)
    points = points[1 : 1 + 2 * STEPS]  # between the clean image and the last search
    seen = set()
    for i, x in enumerate(images.reshape(N, -1).astype(float)):
        wrong = [k for k in np.argsort(-model.logits(x)) if k != labels[i]]
        start = x if targets else points[0, i]
        if not targets:
            assert np.linalg.norm(start - x) == pytest.approx(0.4 / 2, abs=1e-6)
        queried, end, distance, cases = loop(
            model, norm, x, start, labels[i], wrong[1:2] if targets else wrong
        )
        seen |= cases
        np.testing.assert_allclose(points[:, i], queried, atol=2e-5)
        np.testing.assert_allclose(found[i], end, atol=2e-3)
        assert score[i] == pytest.approx(-distance, abs=2e-3)
    needed = {case, "largest bias", "less than the largest bias", "closer"}
    assert needed <= seen, "the example must cover every case"
