"""DP-SGD against a loop over rows, plain descent, and the laws of its draws."""

import math
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dd_jax.models import build
from dd_jax.train.losses import cross_entropy
from dd_jax.train.private import poisson
from dd_jax.train.private.accounting import sampling_of
from dd_jax.train.private.dp_sgd import private_trainer, steps_an_epoch
from dd_jax.train.private.noisy_gradient import Rows, noisy_gradient, with_noise
from dd_jax.train.private.poisson import capacity, poisson_batch
from dd_jax.types import InputError

pytest.importorskip("jax_privacy")
KEY = jax.random.key(7)
MODEL = build("mlp", 3, (4, 4, 1), mean=(0.5,), std=(0.25,))
CONVNET = build("convnet", 3, (4, 4, 1), mean=(0.5,), std=(0.25,), width=2, depth=1)


def problem(rows=40, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (rows, 4, 4, 1), dtype=np.uint8)
    return jnp.asarray(images), jax.nn.one_hot(rng.integers(0, 3, rows), 3)


def drawn_of(key, rows, sampling):
    return poisson_batch(key, jnp.ones(rows, bool), sampling)


def keys_of_step(number):
    """Of the batch and of the noise."""
    return jax.random.split(jax.random.fold_in(KEY, number))


@cache
def gradient(model):
    """Of one row, `(params, image, label) -> vector`."""

    def loss(trainable, params, image, label):
        kept = model.with_trainable(params, trainable)
        return cross_entropy(model.apply(kept, image[None] / 255.0)[0], label)

    def vector(params, *row):
        found = jax.grad(loss)(model.trainable(params), params, *row)
        return jax.flatten_util.ravel_pytree(found)[0]

    return jax.jit(vector)


def by_rows(model, params, images, labels, idx, steps, *, lr, clip, noise, sampling):
    """The formula, a row after another."""
    for number in range(steps):
        batch_key, noise_key = keys_of_step(number)
        places, present = drawn_of(batch_key, len(idx), sampling)
        nothing = jax.tree.map(jnp.zeros_like, model.trainable(params))
        noise_drawn = with_noise(noise_key, nothing, 1.0)
        vector, back = jax.flatten_util.ravel_pytree(noise_drawn)
        total = noise * clip * np.asarray(vector, np.float64)
        for row in idx[np.asarray(places)[np.asarray(present)]]:
            vector = np.float64(gradient(model)(params, images[row], labels[row]))
            total += vector * min(1.0, clip / np.linalg.norm(vector))
        step = back(jnp.float32(lr * total / (sampling * len(idx))))
        trainable = jax.tree.map(jnp.subtract, model.trainable(params), step)
        params = model.with_trainable(params, trainable)
    return params


def trained(model, images, labels, idx, epochs, *, lr, clip, noise, sampling, cuts=()):
    one = private_trainer(model, clip=clip, noise_multiplier=noise, sampling=sampling)
    state, advance = one.init(jax.random.key(1)), jax.jit(one.advance)
    start, points = state.params, [0, *cuts, epochs]
    for first, last in zip(points, points[1:]):
        state, loss = advance(KEY, state, images, labels, idx, lr, epochs, first, last)
    return start, state.params, loss


def close(a, b, tolerance=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=tolerance), a, b)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(MODEL, id="mlp"),
        pytest.param(CONVNET, id="convnet", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("clip", [0.3, 1e6])
def test_steps_equal_a_loop_over_rows(model, clip):
    """Rows 10 to 39, in another order, at clips that shorten all rows, and none."""
    data, idx = problem(), jnp.arange(39, 9, -1)
    given = {"lr": 0.5, "clip": clip, "noise": 0.5 / clip, "sampling": 0.3}
    start, found, _ = trained(model, *data, idx, 1, **given)
    close(found, by_rows(model, start, *data, idx, steps_an_epoch(0.3), **given))


@pytest.mark.slow
def test_views_of_a_row_are_averaged_before_clipping():
    """Views that are the row itself change nothing; others count by their mean."""
    (images, labels), idx = problem(), jnp.arange(40)
    given = {"clip": 0.3, "noise_multiplier": 1.0, "sampling": 0.5}
    rows = Rows(images, idx, labels, jnp.ones(40, bool))
    params = MODEL.init(jax.random.key(1))
    released = partial(noisy_gradient, MODEL, **given)
    one = lambda views: jax.jit(released(views=views))(KEY, params, rows)
    plain, loss = one(None)
    same, same_loss = one(lambda key, image: jnp.repeat(image, 3, 0))
    close(same, plain)
    assert float(same_loss) == pytest.approx(float(loss), rel=1e-5)
    both = lambda key, image: jnp.concatenate([image, image[:, :, ::-1]])
    flipped, _ = one(both)
    expected = noise_alone(params, given) + sum_of_clipped_means(
        params, rows, both, 0.3
    )
    found = jax.flatten_util.ravel_pytree(flipped)[0]
    np.testing.assert_allclose(found * 0.5 * 40, expected, atol=1e-4)


def noise_alone(params, given):
    nothing = jax.tree.map(jnp.zeros_like, MODEL.trainable(params))
    scale = given["noise_multiplier"] * given["clip"]
    noise = with_noise(jax.random.split(KEY)[1], nothing, scale)
    return np.asarray(jax.flatten_util.ravel_pytree(noise)[0])


def sum_of_clipped_means(params, rows, views, clip):
    places, present = drawn_of(jax.random.split(KEY)[0], 40, 0.5)
    total = 0.0
    for row in np.asarray(places)[np.asarray(present)]:
        seen = views(None, rows.images[row][None])
        each = [gradient(MODEL)(params, view, rows.labels[row]) for view in seen]
        mean = np.mean(np.stack(each), 0)
        total += mean * min(1.0, clip / np.linalg.norm(mean))
    return total


def test_views_differ_between_rows_and_steps():
    seen = []

    def views(key, image):
        jax.debug.callback(
            lambda words: seen.append(tuple(np.asarray(words).tolist())),
            jax.random.key_data(key),
        )
        return image

    images, labels = problem(16)
    rows = Rows(images, jnp.arange(16), labels, jnp.ones(16, bool))
    params = MODEL.init(jax.random.key(1))
    given = {"clip": 1.0, "noise_multiplier": 1.0, "sampling": 1.0, "views": views}
    released = jax.jit(noisy_gradient(MODEL, **given))
    for step in range(2):
        released(jax.random.fold_in(KEY, step), params, rows)
    jax.effects_barrier()
    assert len(set(seen)) >= 32


def test_without_noise_and_clip_it_is_plain_descent_on_its_batches():
    (images, labels), idx, sampling = problem(), jnp.arange(40), 0.25
    given = {"lr": 0.5, "clip": 1e6, "noise": 1e-12, "sampling": sampling}
    params, found, loss = trained(MODEL, images, labels, idx, 2, **given)
    losses = []

    @jax.value_and_grad
    def mean_loss(params, member):
        each = jax.vmap(cross_entropy)(MODEL.apply(params, images / 255.0), labels)
        return member @ each / member.sum()

    for number in range(2 * steps_an_epoch(sampling)):
        places, present = map(
            np.asarray, drawn_of(keys_of_step(number)[0], 40, sampling)
        )
        member = np.isin(np.arange(40), places[present]).astype(np.float32)
        value, grads = jax.jit(mean_loss)(params, member)
        losses.append(value)
        rate = 0.5 * member.sum() / (sampling * 40)  # by the expected size of a batch
        params = jax.tree.map(lambda p, g, rate=rate: p - rate * g, params, grads)
    close(found, params)
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_noise_has_the_variance_and_is_independent_in_every_step():
    """Gradients clipped to almost nothing: what is left is noise alone."""
    given = {"lr": 0.1, "clip": 1e-3, "noise": 2e3, "sampling": 0.5}
    flat = lambda tree: np.asarray(jax.flatten_util.ravel_pytree(tree)[0], np.float64)
    data, idx = problem(), jnp.arange(40)
    start, first, _ = trained(MODEL, *data, idx, 1, **given)
    _, second, _ = trained(MODEL, *data, idx, 2, **given)
    std = 0.1 * 1e-3 * 2e3 / (0.5 * 40)  # lr C s / (q n)
    steps = steps_an_epoch(0.5)
    one, other = flat(first) - flat(start), flat(second) - flat(first)
    for noise in (one, other):
        z = noise / (std * math.sqrt(steps))
        assert abs(z.mean()) < 5 / math.sqrt(z.size)
        assert abs(z.var() - 1) < 5 * math.sqrt(2 / z.size)
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / math.sqrt(one.size)


def test_each_row_is_drawn_at_its_rate_and_on_its_own():
    rows, sampling, draws = 30, 0.2, 4000
    keys = jax.random.split(jax.random.key(0), draws)
    places, present = jax.vmap(lambda k: drawn_of(k, rows, sampling))(keys)
    assert places.shape[1] == capacity(rows, sampling)
    member = np.zeros((draws, rows))
    for i, (where, there) in enumerate(zip(np.asarray(places), np.asarray(present))):
        assert not there[there.sum() :].any(), "fillers come last"
        np.add.at(member[i], where[there], 1)
    assert member.max() == 1, "no row is drawn twice"
    off = (member.mean(0) - sampling) / math.sqrt(sampling * (1 - sampling) / draws)
    assert np.abs(off).max() < 5
    together = np.corrcoef(member.T) - np.eye(rows)
    assert np.abs(together).max() < 5.5 / math.sqrt(draws)
    sizes = np.bincount(member.sum(1).astype(int), minlength=rows + 1)
    expected = draws * stats.binom.pmf(np.arange(rows + 1), rows, sampling)
    usual = expected > 5
    chance = stats.chisquare(
        [*sizes[usual], sizes[~usual].sum()], [*expected[usual], expected[~usual].sum()]
    ).pvalue
    assert chance > 1e-5


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**5), st.floats(1e-5, 1.0))
def test_a_larger_batch_than_fits_has_a_chance_below_the_bound(rows, sampling):
    room = capacity(rows, sampling)
    assert room % poisson.STEP == 0 and room < rows + poisson.STEP
    assert stats.binom.logsf(room, rows, sampling) < -poisson._RARE or room >= rows


def test_only_rows_that_are_present_are_drawn():
    present = np.arange(30) % 3 > 0
    for key in jax.random.split(KEY, 20):
        places, drawn = map(np.asarray, poisson_batch(key, jnp.array(present), 0.5))
        assert present[places[drawn]].all() and 0 < drawn.sum() <= 20


def test_all_rows_take_part_where_a_batch_is_all():
    assert sampling_of(64, 40) == 1.0 and steps_an_epoch(1.0) == 1
    places, present = drawn_of(KEY, 40, 1.0)
    assert sorted(np.asarray(places)[np.asarray(present)]) == list(range(40))


@pytest.mark.slow
def test_an_empty_batch_is_a_step_of_noise_alone():
    data, idx = problem(), jnp.arange(2)
    drawn = [drawn_of(keys_of_step(i)[0], 2, 0.1)[1].any() for i in range(10)]
    assert not all(drawn) and any(drawn)
    given = {"lr": 0.05, "clip": 0.3, "noise": 0.5, "sampling": 0.1}
    start, found, loss = trained(MODEL, *data, idx, 1, **given)
    close(found, by_rows(MODEL, start, *data, idx, 10, **given))
    assert np.isfinite(loss)


def test_rows_outside_of_idx_have_no_part():
    (images, labels), idx = problem(), jnp.arange(10)
    given = {"lr": 0.5, "clip": 1.0, "noise": 0.1, "sampling": 0.5}
    _, one, _ = trained(MODEL, images, labels, idx, 2, **given)
    other = images.at[10:].set(0), labels.at[10:].set(1.0)
    jax.tree.map(
        np.testing.assert_array_equal, one, trained(MODEL, *other, idx, 2, **given)[1]
    )


@pytest.mark.parametrize("cuts", [(1,), (1, 2), (2,)])
def test_any_division_of_epochs_into_calls_gives_the_same_bits(cuts):
    data, idx = problem(), jnp.arange(40)
    given = {"lr": 0.5, "clip": 1.0, "noise": 0.3, "sampling": 0.4}
    _, whole, _ = trained(MODEL, *data, idx, 3, **given)
    _, found, _ = trained(MODEL, *data, idx, 3, cuts=cuts, **given)
    jax.tree.map(np.testing.assert_array_equal, whole, found)


def test_a_longer_schedule_begins_as_a_shorter_one():
    data, idx = problem(), jnp.arange(40)
    one = private_trainer(MODEL, clip=1.0, noise_multiplier=0.3, sampling=0.4)
    advance, state = jax.jit(one.advance), one.init(jax.random.key(1))
    short, long = (
        advance(KEY, state, *data, idx, 0.5, epochs, 0, 2)[0] for epochs in (2, 9)
    )
    jax.tree.map(np.testing.assert_array_equal, short, long)


def test_the_same_arguments_give_the_same_trainer():
    given = {"clip": 1.0, "noise_multiplier": 2.0, "sampling": 0.4}
    assert private_trainer(MODEL, **given) is private_trainer(MODEL, **given)


def test_batch_statistics_are_refused():
    fields = {"mean": (0.5,), "std": (0.25,), "width": 2, "depth": 1}
    model = build("convnet", 3, (4, 4, 1), norm="batch", **fields)
    with pytest.raises(InputError, match="take another model.norm"):
        private_trainer(model, clip=1.0, noise_multiplier=1.0, sampling=0.5)
