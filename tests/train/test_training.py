"""Training against plain NumPy descent, and the laws of a pure, divisible loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dd_jax.train import fit, trainer
from dd_jax.train.losses import cross_entropy
from dd_jax.train.recipe import DECAYS, describe_batches, describe_decay
from dd_jax.train.training import unchanged
from dd_jax.types import Model

CLASSES = 3


def linear_model(pixels=4):
    """Logits `x w + b` on flattened images, in plain jax."""

    def init(key):
        w_key, b_key = jax.random.split(key)
        w = jax.random.normal(w_key, (pixels, CLASSES))
        return {"w": w, "b": jax.random.normal(b_key, (CLASSES,))}

    def apply(params, images):
        return images.reshape(len(images), -1) @ params["w"] + params["b"]

    return Model(init, apply, None, lambda params, x: (apply(params, x), {}))


LINEAR = linear_model()


def problem(n=5, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(n, 2, 2, 1)).astype(np.float32)
    labels = rng.dirichlet(np.ones(CLASSES), n).astype(np.float32)
    return images, labels


def noisy(key, x):
    return x + 0.1 * jax.random.normal(key, x.shape)


def observe(key, state, images, labels, idx, batch, epochs):
    """Rows of each batch in the order that the trainer sees them, and its keys."""
    rows, keys = [], []

    def spy(key, x):
        pixel = np.asarray(x)[:, 0, 0, 0]
        rows.append([int(np.argmin(np.abs(images[:, 0, 0, 0] - p))) for p in pixel])
        keys.append(tuple(np.asarray(jax.random.key_data(key)).tolist()))
        return x

    with jax.disable_jit():
        one = trainer(LINEAR, batch=batch, augment=spy)
        one.advance(key, state, images, labels, idx, 0.1, epochs, 0, epochs)
    return rows, keys


def momentum(state):
    return optax.tree.get(state.opt, "trace")


def numpy_descent(params, images, labels, batches, *, lr, momentum, decay, drop):
    """Momentum descent on rows given epoch by epoch, batch by batch."""
    p = {name: np.float64(value) for name, value in params.items()}
    m = {name: np.zeros_like(value) for name, value in p.items()}
    losses = []
    for epoch, rows_of_epoch in enumerate(batches):
        if epoch == drop:
            lr, m = lr / 10, {name: 0 * value for name, value in m.items()}
        of_epoch = []
        for rows in rows_of_epoch:
            x, y = np.float64(images[rows]).reshape(len(rows), -1), labels[rows]
            z = x @ p["w"] + p["b"]
            q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            of_epoch.append(-(y * np.log(q)).sum(1).mean())
            g = {"w": x.T @ (q - y) / len(rows), "b": (q - y).mean(0)}
            for name in p:
                m[name] = momentum * m[name] + g[name] + decay * p[name]
                p[name] = p[name] - lr * m[name]
        losses.append(np.mean(of_epoch))
    return p, m, np.mean(losses)


def close(got, expected, tolerance=2e-5):
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], atol=tolerance)


def test_cross_entropy_by_hand():
    logits = jnp.log(jnp.array([0.5, 0.25, 0.25]))
    assert float(cross_entropy(logits + 3, jnp.array([1.0, 0, 0]))) == pytest.approx(
        np.log(2)
    )
    soft = cross_entropy(logits, jnp.array([0.5, 0.5, 0]))
    assert float(soft) == pytest.approx(1.5 * np.log(2))


def test_cross_entropy_of_far_apart_logits_is_finite():
    logits, label = jnp.array([0.0, 1e4]), jnp.array([1.0, 0.0])
    loss, gradient = jax.value_and_grad(cross_entropy)(logits, label)
    assert float(loss) == 1e4
    np.testing.assert_allclose(gradient, [-1, 1])


@pytest.mark.parametrize("epochs", [1, 2, 5, 6])
def test_whole_batches_equal_numpy_descent(epochs):
    images, labels = problem()
    one = trainer(LINEAR, batch=256, momentum=0.8, weight_decay=0.05)
    state, idx = one.init(jax.random.key(0)), np.arange(5)
    got, loss = jax.jit(one.advance)(
        jax.random.key(1), state, images, labels, idx, 0.5, epochs, 0, epochs
    )
    p, m, expected = numpy_descent(
        state.params,
        images,
        labels,
        [[idx]] * epochs,
        lr=0.5,
        momentum=0.8,
        decay=0.05,
        drop=epochs // 2 + 1,
    )
    close(got.params, p)
    close(momentum(got), m)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_step_sizes_by_thirds():
    rates = [DECAYS["thirds"](epoch, 12)[0] for epoch in range(12)]
    np.testing.assert_allclose(rates, [1] * 8 + [0.2] * 2 + [0.04] * 2, rtol=1e-6)
    released = {10: (6, 8), 1000: (666, 833)}  # 2 * epochs // 3, 5 * epochs // 6
    for epochs, (first, second) in released.items():
        passed = (np.arange(epochs) >= first) + 1.0 * (np.arange(epochs) >= second)
        rates = [DECAYS["thirds"](epoch, epochs)[0] for epoch in range(epochs)]
        np.testing.assert_allclose(rates, 0.2**passed, rtol=1e-6)
    images, labels = problem()
    one = trainer(LINEAR, momentum=0.8, weight_decay=0.05, decay="thirds")
    state, idx = one.init(jax.random.key(0)), np.arange(5)
    got, _ = jax.jit(one.advance)(
        jax.random.key(1), state, images, labels, idx, 0.5, 6, 0, 6
    )
    plain = trainer(LINEAR, momentum=0.8, weight_decay=0.05, decay="none")
    advance = jax.jit(plain.advance)
    for lr, first, last in ((0.5, 0, 4), (0.1, 4, 5), (0.02, 5, 6)):
        state, _ = advance(
            jax.random.key(1), state, images, labels, idx, lr, 6, first, last
        )
    close(got.params, state.params)  # momentum is kept from step to step
    close(momentum(got), momentum(state))


@pytest.mark.parametrize("rows", [4, pytest.param(6, marks=pytest.mark.slow), 8])
def test_small_batches_equal_numpy_descent_and_the_last_may_be_smaller(rows):
    images, labels = problem(9)
    idx, epochs = np.arange(9)[::-1][:rows], 3
    one = trainer(LINEAR, batch=3, weight_decay=0.01)
    state, key = one.init(jax.random.key(0)), jax.random.key(1)
    seen, keys = observe(key, state, images, labels, idx, 3, epochs)
    steps = -(-rows // 3)
    assert len(set(keys)) == epochs * steps, "each batch is augmented by a fresh key"
    sizes = [3] * (rows // 3) + [rows % 3] * (rows % 3 > 0)
    batches = [
        [row[:size] for row, size in zip(seen[e * steps : (e + 1) * steps], sizes)]
        for e in range(epochs)
    ]
    for epoch in batches:
        assert sorted(sum(epoch, [])) == sorted(idx)
    assert batches[0] != batches[1]
    got, loss = jax.jit(one.advance)(
        key, state, images, labels, idx, 0.2, epochs, 0, epochs
    )
    p, m, expected = numpy_descent(
        state.params,
        images,
        labels,
        batches,
        lr=0.2,
        momentum=0.9,
        decay=0.01,
        drop=2,
    )
    close(got.params, p)
    close(momentum(got), m)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("cuts", [(0, 7), (0, 1, 7), (0, 3, 4, 5, 7)])
def test_any_division_of_epochs_into_calls_gives_the_same_bits(cuts):
    images, labels = problem(7)
    one = trainer(LINEAR, batch=3, augment=noisy)
    advance, idx = jax.jit(one.advance), np.arange(7)

    def run(cuts):
        state = one.init(jax.random.key(0))
        for first, last in zip(cuts, cuts[1:]):
            state, _ = advance(
                jax.random.key(1), state, images, labels, idx, 0.1, 7, first, last
            )
        return state

    jax.tree.map(np.testing.assert_array_equal, run(cuts), run(range(8)))


def test_fit_is_the_trainer_from_a_start_of_its_key():
    images, labels = problem(7)
    got = fit(jax.random.key(3), LINEAR, images, labels, epochs=4, lr=0.1, batch=3)
    one = trainer(LINEAR, batch=3, augment=unchanged)
    init_key, fit_key = jax.random.split(jax.random.key(3))
    state, _ = jax.jit(one.advance)(
        fit_key, one.init(init_key), images, labels, jnp.arange(7), 0.1, 4, 0, 4
    )
    close(got, state.params, 1e-6)


def test_fit_on_idx_equals_fit_on_the_gathered_rows():
    images, labels = problem(9)
    idx = np.array([7, 2, 3, 8, 0])
    kw = {"epochs": 4, "lr": 0.1, "batch": 2}
    by_index = fit(jax.random.key(0), LINEAR, images, labels, idx, **kw)
    gathered = fit(jax.random.key(0), LINEAR, images[idx], labels[idx], **kw)
    close(by_index, gathered, 1e-6)
    outside = np.delete(np.arange(9), idx)
    images[outside], labels[outside] = 0.5, 1 / CLASSES
    changed = fit(jax.random.key(0), LINEAR, images, labels, idx, **kw)
    jax.tree.map(np.testing.assert_array_equal, changed, by_index)


def test_bytes_and_floats_agree_and_so_do_classes_and_one_hot_labels():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 2, 2, 1), dtype=np.uint8)
    classes = np.array([0, 1, 2, 0, 1, 2], np.int32)
    kw = {"epochs": 3, "lr": 0.1, "batch": 4}
    first = fit(jax.random.key(0), LINEAR, images, classes, **kw)
    floats, one_hot = images / np.float32(255), np.eye(3, dtype=np.float32)[classes]
    second = fit(jax.random.key(0), LINEAR, floats, one_hot, **kw)
    close(first, second, 1e-6)


def test_another_key_another_network():
    images, labels = problem()
    first, again, other = (
        fit(jax.random.key(i), LINEAR, images, labels, epochs=1) for i in (0, 0, 1)
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert np.abs(first["w"] - other["w"]).min() > 1e-4


def test_same_arguments_same_trainer():
    assert trainer(LINEAR, batch=3) is trainer(LINEAR, batch=3)
    assert trainer(LINEAR, batch=3) is not trainer(LINEAR, batch=4)


def test_learns_a_separable_toy():
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 6)
    images = rng.integers(0, 60, (len(labels), 8, 8, 1), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[:, 3 * label : 3 * label + 2] += 150
    model = linear_model(64)
    params = fit(jax.random.key(0), model, images, labels, epochs=100, lr=0.1)
    predicted = model.apply(params, images / np.float32(255)).argmax(-1)
    np.testing.assert_array_equal(predicted, labels)


def test_batch_statistics_come_through():
    def train_apply(params, images):
        mean = params["batch_stats"]["mean"]
        mean = mean + 0.1 * (images.mean((0, 1, 2)) - mean)
        return LINEAR.apply(params["params"], images), {"batch_stats": {"mean": mean}}

    def init(key):
        statistics = {"mean": jnp.array([5.0])}
        return {"params": LINEAR.init(key), "batch_stats": statistics}

    apply = lambda params, images: LINEAR.apply(params["params"], images)
    images, labels = problem()
    kw = {"epochs": 4, "lr": 0.1}
    got = fit(
        jax.random.key(0), Model(init, apply, None, train_apply), images, labels, **kw
    )
    without = fit(jax.random.key(0), LINEAR, images, labels, **kw)
    close(got["params"], without, 1e-6)
    expected = 0.9**4 * 5 + (1 - 0.9**4) * images.mean()
    np.testing.assert_allclose(got["batch_stats"]["mean"], [expected], rtol=1e-5)


@pytest.mark.parametrize("rows, batch", [(10, 4), (12, 4), (3, 256), (7, 7), (9, 2)])
def test_batches_are_as_their_words_say(rows, batch):
    """The rows of each step, seen by an augmentation that looks at its images."""
    seen = []

    def look(key, images):
        jax.debug.callback(lambda x: seen.append(x.ravel().astype(int)), images)
        return images

    one = trainer(linear_model(1), batch=batch, augment=look)
    images = jnp.arange(rows, dtype=jnp.float32).reshape(-1, 1, 1, 1)
    state = one.init(jax.random.key(0))
    labels = jnp.eye(CLASSES)[jnp.arange(rows) % CLASSES]
    idx = jnp.arange(rows)
    one.advance(jax.random.key(1), state, images, labels, idx, 0.1, 1, 0, 1)
    jax.effects_barrier()
    words = describe_batches(rows, batch)
    size, steps = min(batch, rows), -(-rows // min(batch, rows))
    assert f"{steps} steps of {size}" in words
    order = np.concatenate(seen)
    assert [len(x) for x in seen] == [size] * steps
    assert sorted(order[:rows]) == list(range(rows))
    fill = steps * size - rows
    assert list(order[rows:]) == list(order[:fill])
    assert (f"the last has {size - fill} images" in words) == bool(fill)
    assert (f"with the first {fill} of the order" in words) == bool(fill)


@pytest.mark.parametrize(
    "decay, epochs, words",
    [
        ("half", 4, "epochs 0 to 2: lr; epochs 3 to 3: 0.1 lr, momentum from 0 at the"),
        ("half", 1, "epochs 0 to 0: lr"),
        (
            "thirds",
            6,
            "epochs 0 to 3: lr; epochs 4 to 4: 0.2 lr; epochs 5 to 5: 0.04 lr",
        ),
        ("none", 9, "epochs 0 to 8: lr"),
    ],
)
def test_decay_in_words(decay, epochs, words):
    assert describe_decay(decay, epochs).startswith(words)


@pytest.mark.slow
def test_words_of_a_decay_follow_its_code(monkeypatch):
    slow = lambda epoch, epochs: (jnp.where(epoch >= 7, 0.5, 1.0), 1.0)
    monkeypatch.setitem(DECAYS, "half", slow)
    expected = "epochs 0 to 6: lr; epochs 7 to 9: 0.5 lr"
    assert describe_decay("half", 10) == expected
