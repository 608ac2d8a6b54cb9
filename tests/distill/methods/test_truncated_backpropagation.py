"""Truncated back-propagation against a plain loop of Adam steps, and its clipping."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.base import Batch
from dd_jax.distill.methods.truncated_backpropagation import clipped
from dd_jax.types import InputError, Model

CLASSES, IPC, LR = 3, 2, 0.05


def smooth_mlp():
    """Two layers with tanh, and weights without a part in the logits."""

    def init(key):
        a, b = jax.random.split(key)
        one, two = jax.random.normal(a, (16, 8)), jax.random.normal(b, (8, CLASSES))
        return {"params": {"one": 0.3 * one, "two": two, "unused": jnp.ones(2)}}

    def train_apply(params, images):
        layers = params["params"]
        hidden = jnp.tanh(images.reshape(len(images), -1) @ layers["one"])
        return hidden @ layers["two"] + 0.0 * layers["unused"].sum(), {}

    return Model(init, None, None, train_apply)


def real():
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 4)
    images = np.random.default_rng(3).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    return real_data(images, labels)


def dimmed(key, images):
    return images * jax.random.uniform(key, (len(images), 1, 1, 1), minval=0.5)


def problem(window, unroll, **options):
    method = METHODS["rat_bptt"](
        smooth_mlp(),
        ipc=IPC,
        batch_real=4,
        window=window,
        unroll=unroll,
        inner_lr=LR,
        augment_student=dimmed,
        **options,
    )
    state = method.init(jax.random.key(0), real())
    batch = method.sample(jax.random.key(1), real())
    weights = jnp.asarray(np.float32([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]))
    return method, state, Batch(batch.images, weights)


def mean_loss(params, images, labels, weights):
    logits, _ = smooth_mlp().train_apply(params, images)
    losses = jax.nn.logsumexp(logits, 1) - (logits * labels).sum(1)
    return (weights * losses).sum() / weights.sum()


def by_hand(key, images, batch, count, window):
    """Loss after `count` steps of Adam, the first of them held fixed, in a loop."""
    net_key, _, student_key, augment_key = jax.random.split(key, 4)
    labels = jnp.repeat(jnp.eye(CLASSES), IPC, 0)
    params = smooth_mlp().init(net_key)
    w, unravel = ravel_pytree(params)
    mean = square = jnp.zeros_like(w)
    for i in range(count):
        if i == count - window:
            w, mean, square = map(jax.lax.stop_gradient, (w, mean, square))
        x = dimmed(jax.random.fold_in(student_key, i), images)
        slope = jax.grad(mean_loss)(unravel(w), x, labels, jnp.ones(len(x)))
        g, _ = ravel_pytree(slope)
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        unbiased = mean / (1 - 0.9 ** (i + 1)), square / (1 - 0.999 ** (i + 1))
        w = w - LR * unbiased[0] / (jnp.sqrt(unbiased[1] + 1e-12) + 1e-8)
    truth = jnp.repeat(jnp.eye(CLASSES), 4, 0)
    queries = dimmed(augment_key, batch.images.reshape(-1, 4, 4, 1))
    return mean_loss(unravel(w), queries, truth, batch.weights.ravel())


@pytest.mark.parametrize(
    "window, unroll",
    [(2, 3)] + [pytest.param(*one, marks=pytest.mark.slow) for one in [(3, 3), (3, 6)]],
)
def test_loss_and_gradient_equal_a_loop_held_fixed_before_the_window(window, unroll):
    method, state, batch = problem(window, unroll)
    images, update = method.read(state).images, jax.jit(method.update)
    counts = range(window, unroll + 1)
    loop = {
        n: jax.jit(jax.value_and_grad(by_hand, 1), static_argnums=(3, 4))
        for n in counts
    }
    seen = set()
    for seed in range(6):
        key = jax.random.key(seed)
        new, info = update(key, state, batch)
        found = {n: loop[n](key, images, batch, n, window) for n in counts}
        close = [n for n in counts if abs(found[n][0] - info["loss"]) < 1e-5]
        assert len(close) == 1
        seen.update(close)
        wanted = np.asarray(found[close[0]][1]).reshape(CLASSES, IPC, 4, 4, 1)
        got = 10 * optax.tree.get(new.learned.opt, "mu")["images"]  # 1 - 0.9 of it
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-3 * scale)
        assert float(new.norm) == pytest.approx(np.linalg.norm(wanted), rel=1e-3)
    assert seen == set(counts)


NORMS = st.just(0.0) | st.floats(1e-9, 1e6)  # squares of less come to 0


@given(st.lists(NORMS, min_size=1, max_size=9))
@settings(deadline=None, max_examples=30)
def test_no_gradient_is_longer_than_twice_the_running_mean(norms):
    mean, kept = jnp.float32(0), 0.0
    for norm in norms:
        kept = 0.9 * kept + 0.1 * norm if kept > 0 else norm
        found, mean = clipped({"images": jnp.array([norm, 0.0])}, mean)
        assert float(mean) == pytest.approx(kept, rel=1e-4)
        assert float(found["images"][0]) == pytest.approx(min(norm, 2 * kept), rel=1e-4)


def test_a_window_above_all_steps_is_refused():
    with pytest.raises(InputError, match="window=3: more steps than .*unroll=2"):
        problem(3, 2)
