"""CW search by search against a plain loop in float64, one example at a time."""

import numpy as np
import pytest
from by_hand import mlp, watched

from dd_jax.attacks.carlini_wagner import carlini_wagner
from dd_jax.attacks.constraints import l2

N, STEPS, SEARCHES, RATE, SHAPE = 4, 25, 7, 0.05, (3, 4, 1)


def minimise(model, x, label):
    """Section VI of the paper with Adam: points, constants, end and its distance."""
    start = np.arctanh((2 * x - 1) * (1 - 1e-3))
    c, low, high, constants, points = 0.01, 0.0, None, [], []
    closest, least = x, np.inf
    for _ in range(SEARCHES):
        constants.append(c)
        u, mean, square, hit = start, np.zeros(12), np.zeros(12), False
        for t in range(1, STEPS + 1):
            point = (np.tanh(u) + 1) / 2
            points.append(point)
            logits, distance = model.logits(point), np.linalg.norm(point - x)
            wrong = max((k for k in range(3) if k != label), key=lambda k: logits[k])
            slope = 2 * (point - x)
            if logits[wrong] > logits[label]:
                hit = True
                if distance < least:
                    closest, least = point, distance
            else:
                up = np.eye(3)[label] - np.eye(3)[wrong]
                slope = slope + c * model.pull(point, up)
            slope = slope * (1 - np.tanh(u) ** 2) / 2
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope**2
            scale = np.sqrt(square / (1 - 0.999**t)) + 1e-8
            u = u - RATE * mean / (1 - 0.9**t) / scale
        if hit:
            high = c
        else:
            low = c
        c = 10 * c if high is None else (low + high) / 2
    return np.array(points), constants, closest, least


def test_every_search_equals_the_loop():
    model, images, labels = mlp(0, SHAPE, N, sharp=0.5)
    run = carlini_wagner(l2(0.0), steps=STEPS, searches=SEARCHES, learning_rate=RATE)
    points, found, score = watched(run.run_once, model, images, labels)
    assert points.shape == (SEARCHES * STEPS, N, 12)
    ratios = []
    for i, x in enumerate(images.reshape(N, -1).astype(float)):
        expected, constants, end, distance = minimise(model, x, labels[i])
        ratios += [b / a for a, b in zip(constants, constants[1:])]
        np.testing.assert_allclose(points[:, i], expected, atol=1e-4)
        np.testing.assert_allclose(found[i], end, atol=1e-4)
        assert score[i] == pytest.approx(-distance, abs=1e-4)
    tenfold, up, down = np.array([(r > 9, 1 < r < 9, r < 1) for r in ratios]).T
    assert tenfold.any() and up.any() and down.any(), "c grows tenfold, rises and falls"
