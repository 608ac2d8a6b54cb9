import io
import xml.etree.ElementTree as ElementTree

import fabricate
import numpy as np
import pytest
from PIL import Image

from dd_jax.report import figures


def drawn(data):
    """Comments of an SVG, where matplotlib keeps the texts that it drew as paths."""
    ElementTree.fromstring(data)
    return data.decode()


def picture(images, labels, **options):
    png = figures.image_grid(images, labels, **options)
    return np.asarray(Image.open(io.BytesIO(png)))


def test_image_grid_puts_classes_in_rows():
    images = np.zeros((3, 20, 40, 1), np.float32)
    images[1] = 0.5
    images[2] = 7.0
    labels = np.array([[0.1, 0.9], [0.1, 0.9], [1.0, 0.0]])
    grid = picture(images, labels)
    assert grid.shape == (2 * 20 + 4, 2 * 40 + 4)
    np.testing.assert_array_equal(grid[:20, :40], 255)  # class 0, clipped
    np.testing.assert_array_equal(grid[24:, :40], 0)
    np.testing.assert_array_equal(grid[24:, 44:], 128)
    np.testing.assert_array_equal(grid[20:24], 255)


def test_image_grid_enlarges_small_images_without_blur():
    image = np.arange(64, dtype=np.float32).reshape(1, 8, 8, 1) / 64
    grid = picture(image, np.ones((1, 1)))
    small = np.round(255 * image[0, ..., 0]).astype(np.uint8)
    np.testing.assert_array_equal(grid, small.repeat(6, 0).repeat(6, 1))


def test_image_grid_keeps_colour_and_cuts_rows():
    images = np.zeros((5, 48, 48, 3), np.float32)
    images[..., 0] = 1
    grid = picture(images, np.ones((5, 1)), columns=2)
    assert grid.shape == (48, 100, 3)
    np.testing.assert_array_equal(grid[0, 0], [255, 0, 0])


def test_error_bars_are_distances_from_the_mean():
    points = [(1, {"mean": 0.5, "ci": [0.4, 0.7]}), (2, {"mean": None}), (3, 0.2)]
    x, y, bars = figures.error_bars(points)
    assert (x, y) == ([1, 3], [0.5, 0.2])
    np.testing.assert_allclose(bars, [[0.1, 0], [0.2, 0]])


@pytest.mark.parametrize("smallest", [4e-4, 0.02, 1.0])
def test_roc_shows_chance_and_resolution(smallest):
    lines = {"distilled": {"loss": [[0.0, 0.0], [0.1, 0.3], [1.0, 1.0]]}}
    text = drawn(figures.roc(lines, smallest))
    assert "Distilled, Loss threshold" in text
    assert "Chance" in text and "Not resolved" in text


def test_epsilon_curve_shows_one_norm():
    robustness = fabricate.record()["robustness"]
    linf = drawn(figures.epsilon_curve(robustness, "linf"))
    l2 = drawn(figures.epsilon_curve(robustness, "l2"))
    assert "Distilled, FGSM" in linf and "PGD L2" not in linf
    assert "Full data, PGD L2" in l2 and "FGSM" not in l2


def test_class_bars_show_the_worst_of_many():
    accuracies = np.linspace(1, 0, 30)
    names = [f"kind{c}" for c in range(30)]
    text = drawn(figures.class_bars({"distilled": accuracies.tolist()}, names))
    assert "kind29" in text and "kind10" in text and "kind9 " not in text


def test_same_drawing_same_bytes():
    accuracy = fabricate.record()["accuracy"]
    assert figures.accuracies(accuracy) == figures.accuracies(accuracy)
    assert b"86.0 %" in figures.accuracies(accuracy)


def test_loss_curve_marks_few_points():
    points = fabricate.curves()["distil"]
    few, many = (drawn(figures.loss_curve(p)) for p in (points[:4], points))
    assert "matching loss" in few
    assert few.count('" style="fill: #0072b2') == 4
    assert many.count('" style="fill: #0072b2') == 0


def test_a_single_net_is_marked():
    accuracy = {"full_data": {"mean": 0.9, "ci": None, "n": 1}}
    assert "(one net)" in drawn(figures.accuracies(accuracy))
    accuracy["full_data"] |= {"ci": [0.8, 1.0], "n": 2}
    assert "(one net)" not in drawn(figures.accuracies(accuracy))


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_interval_beyond_certainty_stays_within_the_panel():
    wide = fabricate.around(0.5, half=8.0, n=2)
    drawn(figures.accuracies({"distilled": wide, "random_subset": wide}))
