"""DP-SGD: gradient descent by clipped gradients of single rows, summed with noise."""

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.runtime.reuse import reused
from dd_jax.train.private.noisy_gradient import Rows, Views, noisy_gradient
from dd_jax.train.training import FitState, Trainer
from dd_jax.types import Model


def steps_an_epoch(sampling: float) -> int:
    """Steps in which each row is expected once, `round(1 / q)`.

    >>> steps_an_epoch(0.3), steps_an_epoch(1.0)
    (3, 1)
    """
    return round(1 / sampling)


@reused
def private_trainer(
    model: Model,
    *,
    clip: float,
    noise_multiplier: float,
    sampling: float,
    views: Views | None = None,
) -> Trainer:
    """Differentially private stochastic gradient descent.

    `p <- p - lr g` with the g of `noisy_gradient`. An epoch has `steps_an_epoch` steps.
    The learning rate is constant, so that the state after some epochs is that of a
    training of as many.

    Abadi et al. (2016), "Deep learning with differential privacy", alg. 1; constant
    learning rate and no momentum as De et al. (2022), arXiv:2204.13650.
    Differs from these in: no average of parameters, no weight decay.
    Here the noise follows from the key: to publish the network the key must be secret.

    Args:
      model: the network, without batch statistics.
      clip: see `noisy_gradient`.
      noise_multiplier: see there.
      sampling: see there.
      views: see there.

    Returns:
      A `Trainer`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics, or jax-privacy is missing.
    """
    gradient = noisy_gradient(
        model,
        clip=clip,
        noise_multiplier=noise_multiplier,
        sampling=sampling,
        views=views,
    )

    def init(key):
        return FitState(model.init(key), ())

    def advance(key, state, images, labels, idx, lr, epochs, first, last):
        each = steps_an_epoch(sampling)
        rows = Rows(images, idx, labels[idx], jnp.ones(len(idx), bool))

        def body(i, carry):
            params, total = carry
            step, loss = gradient(jax.random.fold_in(key, i), params, rows)
            descend = lambda p, g: p - lr * g
            trainable = jax.tree.map(descend, model.trainable(params), step)
            return model.with_trainable(params, trainable), total + loss

        steps, start = (first * each, last * each), (state.params, jnp.float32(0))
        params, total = lax.fori_loop(*steps, body, start)
        mean_loss = total / jnp.maximum((last - first) * each, 1)
        return state._replace(params=params), mean_loss

    return Trainer(init, advance, model.trainable)
