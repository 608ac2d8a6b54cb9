"""Scores of training rows that coresets are chosen by, from networks in training."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.runtime.device_memory import in_batches
from dd_jax.runtime.reuse import reused
from dd_jax.train.losses import cross_entropy
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, Model, Params

_BATCH = 32  # rows whose gradients are held at a time on CPU


def forgetting(correct: np.ndarray) -> np.ndarray:
    """How often a network that had a row right has it wrong after the next epoch.

    `sum_e 1[correct_e and not correct_{e+1}]`; a row that is never right counts as
    forgotten in every epoch.

    Args:
      correct: `bool[e s n]`, after each of e epochs, of s networks.

    Returns:
      `f64[n]` in [0, e], means over networks; higher = harder.

    Source: Toneva et al. 2019, "An empirical study of example forgetting during deep
    neural network learning". Differs in: seen after each epoch, on images that are not
    augmented, and not when a row is in a batch.

    >>> seen = np.array([[1, 0, 0], [0, 0, 1], [1, 0, 1]], bool)[:, None]
    >>> forgetting(seen)
    array([1., 3., 0.])
    """
    lost = (correct[:-1] & ~correct[1:]).sum(0)
    return np.where(correct.any(0), lost, len(correct)).mean(0)


def gradient_norms(
    model: Model, params: Params, images: Array, labels: Array
) -> np.ndarray:
    """GraNd: the length of the gradient of each row's loss, mean over networks.

    `mean_s || grad_theta CE(f_theta(x), y) ||_2` over the trainable parameters.

    Args:
      model: the network.
      params: with a leading axis of s networks, early in training.
      images: `u8` or `f32` in [0, 1], `[n h w c]`.
      labels: `i32[n]`.

    Returns:
      `f64[n]`, higher = harder.

    Source: Paul, Ganguli and Dziugaite 2021, "Deep learning on a data diet",
    definition 2.1 (there 10 networks). Networks with batch statistics use those that
    they have gathered.
    """
    networks = len(jax.tree.leaves(params)[0])
    program = _norms(model)
    rows = jnp.arange(len(labels))
    given = rows, jnp.asarray(images), jnp.asarray(labels)
    one = lambda i: program(jax.tree.map(lambda leaf: leaf[i], params), *given)
    return np.mean([np.asarray(one(i), np.float64) for i in range(networks)], axis=0)


@reused
def _norms(model: Model):
    def norm(params, image, label):
        def loss(trainable):
            kept = model.with_trainable(params, trainable)
            logits = model.apply(kept, as_pixels(image[None]))[0]
            return cross_entropy(logits, jax.nn.one_hot(label, len(logits)))

        gradient = jax.grad(loss)(model.trainable(params))
        squares = jax.tree.map(lambda g: jnp.square(g).sum(), gradient)
        return jnp.sqrt(jax.tree.reduce(jnp.add, squares))

    @jax.jit
    def run(params, rows, images, labels):
        some = lambda at: jax.vmap(partial(norm, params))(images[at], labels[at])
        return in_batches(some, rows, _BATCH)

    return run
