"""The real data as a method sees them: rows by class, and draws from them."""

from collections import Counter

import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.distill.base import draw, one_hot_labels, real_data


def numbered(labels):
    """One-pixel images whose value is their row."""
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return images, np.array(labels, np.int32)


def drawn(batch):
    """Row numbers of a batch, `i64[k b]`."""
    return np.rint(np.asarray(batch.images)[..., 0, 0, 0] * 255).astype(int)


def test_rows_are_lined_up_by_class_and_repeat_to_fill():
    real = real_data(*numbered([1, 0, 1, 2, 1]))
    assert real.counts.tolist() == [1, 3, 1]
    assert real.rows.tolist() == [[1, 1, 1], [0, 2, 4], [3, 3, 3]]
    assert real.rows.dtype == real.counts.dtype == np.int32


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rows_hold_exactly_the_members(data):
    labels = data.draw(st.lists(st.integers(0, 2), min_size=3, max_size=20))
    labels = [0, 1, 2, *labels]
    flags = st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))
    members = np.array(data.draw(flags))
    images, labels = numbered(labels)
    real, whole = real_data(images, labels, members), real_data(images, labels)
    assert real.rows.shape == whole.rows.shape
    for c, (row, count) in enumerate(zip(real.rows, real.counts)):
        expected = [i for i in range(len(labels)) if labels[i] == c and members[i]]
        assert row[:count].tolist() == expected
        assert not expected or set(row.tolist()) == set(expected)


def test_draw_is_without_replacement_from_the_members_of_each_class():
    images, labels = numbered([0, 1] * 10)
    members = np.arange(20) >= 4
    real = real_data(images, labels, members)
    for i in range(20):
        batch = draw(jax.random.key(i), real, 5)
        assert batch.images.shape == (2, 5, 1, 1, 1)
        assert np.all(batch.weights == 1)
        for c, rows in enumerate(drawn(batch)):
            assert len(set(rows)) == 5
            assert all(row % 2 == c and row >= 4 for row in rows)


def test_a_short_class_gives_all_its_images_and_fillers_of_weight_zero():
    images, labels = numbered([0] * 6 + [1] * 2)
    members = np.array([False, True, True, True, True, True, True, True])
    batch = draw(jax.random.key(0), real_data(images, labels, members), 4)
    np.testing.assert_array_equal(batch.weights, [[1, 1, 1, 1], [1, 1, 0, 0]])
    first, second = drawn(batch)
    assert len(set(first)) == 4 and set(first) <= {1, 2, 3, 4, 5}
    assert sorted(second[:2]) == [6, 7]
    assert set(second[2:]) <= {6, 7}, "fillers come from the members of the class"


def test_a_draw_larger_than_every_class_gives_every_class_whole():
    batch = draw(jax.random.key(0), real_data(*numbered([0, 0, 0, 1])), 256)
    assert batch.weights.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert sorted(drawn(batch)[0]) == [0, 1, 2]


def test_every_image_is_drawn_equally_often():
    real = real_data(*numbered([0] * 10 + [1] * 6))
    keys = jax.random.split(jax.random.key(0), 2000)
    rows = drawn(jax.vmap(lambda key: draw(key, real, 3))(keys))
    for c, size in enumerate((10, 6)):
        p = 3 / size
        deviation = np.sqrt(2000 * p * (1 - p))
        counts = Counter(rows[:, c].ravel().tolist())
        assert len(counts) == size
        assert all(abs(n - 2000 * p) < 4 * deviation for n in counts.values())


def test_classes_are_drawn_independently():
    real = real_data(*numbered([0] * 8 + [1] * 8))
    keys = jax.random.split(jax.random.key(1), 400)
    rows = drawn(jax.vmap(lambda key: draw(key, real, 1))(keys))[..., 0]
    same = np.mean(rows[:, 0] == rows[:, 1] - 8)
    assert abs(same - 1 / 8) < 4 * np.sqrt(1 / 8 * 7 / 8 / 400)


def test_one_hot_labels_come_class_by_class():
    expected = [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]
    assert one_hot_labels(2, 3).tolist() == expected
