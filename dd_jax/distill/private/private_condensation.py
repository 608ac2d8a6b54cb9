"""Gradient matching to noisy gradients of private rows, a release in each step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Method, Real, Releases
from dd_jax.distill.methods.condensation import inner_loop_of
from dd_jax.distill.methods.distances import DISTANCES
from dd_jax.distill.methods.gradient_matching import (
    GradientMatchingState,
    advance,
    mean_gradient,
    reset_if_new,
)
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.private.noisy_gradient import Rows, noisy_gradient
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model


class _State(NamedTuple):
    """Of gradient matching, and the releases made so far."""

    matching: GradientMatchingState
    releases: Array


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def private_condensation(
    model: Model,
    *,
    ipc: int,
    releases: Releases,
    init: str = "noise",
    augment_net=unchanged,
    lr: float = 0.1,
    outer_steps: int = 0,
    net_epochs: int = 0,
    distance: str = "cosine",
    **images,
) -> Method:
    """Differentially private dataset condensation, a release in each step.

    Each step descends `D(grad L(s; w), g)` in the synthetic images s, where g is
    `(sum_{i in B} clip(grad l(x_i; w)) + s C N(0, I)) / (q n)` of a Poisson batch B of
    all classes, and D a distance between gradients. Between two steps the network w
    trains on the synthetic set alone. So rows are seen in g only, and a row in g
    changes it by at most C / (q n).

    Chen, Kerkouche and Fritz (2022), "Private set generation with discriminative
    information" (PSG), alg. 1.
    Differs from the released code in: one release an outer step instead of ten; as many
    releases as are accounted for; any optimizer of `synthetic`; no generator.

    Args:
      model: the family of networks, without batch statistics.
      ipc: stored images a class.
      releases: one for each step, with C, the noise and q.
      init: `noise` or `public:SOURCE`: no private row decides.
      augment_net: `(key, f32[n h w c]) -> f32[n h w c]`, of the synthetic images that
        the network trains on.
      lr: learning rate of the stored images.
      outer_steps: 0 is that of `condensation.loops(ipc)`.
      net_epochs: 0 is that of `condensation.loops(ipc)`.
      distance: a key of `DISTANCES`.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    inner_loop = inner_loop_of(model, ipc, outer_steps, net_epochs, augment_net)
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)
    released = noisy_gradient(
        model,
        clip=releases.clip,
        noise_multiplier=releases.noise_multiplier,
        sampling=releases.sampling,
    )

    def init_state(key: Key, real: Real) -> _State:
        learn_key, net_key = jax.random.split(key)
        learned, net = learner.init(learn_key, real), inner_loop.init(net_key)
        matching = GradientMatchingState(learned, net, jnp.int32(0))
        return _State(matching, jnp.int32(0))

    def sample(key: Key, real: Real) -> Real:
        return real

    def update(key, state, real):
        (learned, net, step), count = state
        net_key, train_key = jax.random.split(key)
        net = reset_if_new(inner_loop, net_key, net, step)
        secret = jax.random.wrap_key_data(real.secret, impl="threefry2x32")
        target, _ = released(jax.random.fold_in(secret, count), net.params, _rows(real))

        def loss_fn(params):
            ours = flattened(learner.decode(params))
            weights = jnp.ones(len(ours.images))
            gradient = mean_gradient(
                model, net.params, ours.images, ours.labels, weights
            )
            return DISTANCES[distance](gradient, target)

        loss, grad = jax.value_and_grad(loss_fn)(learned.params)
        learned = learner.update(learned, grad)
        ours = flattened(learner.decode(learned.params))
        net, step = advance(inner_loop, train_key, net, step, ours, ())
        matching = GradientMatchingState(learned, net, step)
        return _State(matching, count + 1), {"loss": loss}

    read = lambda state: learner.read(state.matching.learned)
    made = lambda state: state.releases
    return Method(init_state, sample, update, read, releases=releases, made=made)


def _rows(real: Real) -> Rows:
    classes, width = real.rows.shape
    present = jnp.arange(width) < jnp.asarray(real.counts)[:, None]
    labels = jnp.repeat(jnp.eye(classes), width, 0)
    images = jnp.asarray(real.images)
    return Rows(images, jnp.asarray(real.rows).ravel(), labels, present.ravel())
