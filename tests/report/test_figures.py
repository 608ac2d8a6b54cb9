import numpy as np

from dd_jax.report import figures


def test_error_bars_are_distances_from_the_mean():
    points = [(1, {"mean": 0.5, "ci": [0.4, 0.7]}), (2, {"mean": None}), (3, 0.2)]
    x, y, bars = figures.error_bars(points)
    assert (x, y) == ([1, 3], [0.5, 0.2])
    np.testing.assert_allclose(bars, [[0.1, 0], [0.2, 0]])


def test_the_same_plot_has_the_same_bytes():
    draw = lambda axes: axes.plot([0, 1], [0, 1], label="a $ line")
    assert figures.svg(draw, legend=1) == figures.svg(draw, legend=1)
    assert figures.svg(draw).startswith(b"<?xml")
