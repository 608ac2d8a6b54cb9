"""Distribution matching to noisy class means that were released once."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Method, Real, Releases
from dd_jax.distill.methods.distribution_matching import learned_features, matching_loss
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.private.public_features import Augment, public_features
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.private.clipping import clipped, require_rows_apart
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model


class _State(NamedTuple):
    learned: Any
    step: Array


@reused
@passes_on(synthetic, "space", "clamp", "optimizer", "momentum", "lr_lr")
def release_matching(
    model: Model,
    *,
    ipc: int,
    releases: Releases,
    init: str = "noise",
    augment: Augment = unchanged,
    lr: float = 0.05,
    **images,
) -> Method:
    """Differentially private distribution matching by a single release.

    Before the first step, class means of clipped features of private rows are released
    with Gaussian noise in R random networks. Steps take them in turn, and descend
    `sum_c || m_rc - sum_j y_jc clip(g_r(s_j)) / sum_j y_jc ||^2 / C^2`.
    Both sides have the features g_r of `public_features`, of networks and augmentations
    that follow from r. Steps see no private row, so that their number costs no privacy.
    The networks do not depend on the synthetic set: with as many releases of Poisson
    batches as steps this is matching to a new noisy batch in each step.

    After Zheng and Li (2023), "Differentially private dataset condensation" (NDPDC),
    and Harder et al. (2021), DP-MERF, arXiv:2002.11603.
    Differs from NDPDC in: a release may be used in several steps; a Poisson batch of
    all rows instead of one for each class; features less those of noise are clipped;
    Adam.

    Args:
      model: the family of random networks, without batch statistics.
      ipc: stored images a class.
      releases: how many networks, C, the noise and the batches.
      init: `noise` or `public:SOURCE`: no private row decides.
      augment: as it was for the releases; see `public_features`.
      lr: learning rate of the stored images, of Adam: it depends neither on C nor on
        the number of images.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    require_rows_apart(model)
    learner = synthetic(
        ipc=ipc, init=init, lr=lr, optimizer="adam", space=model.space, **images
    )

    def init_state(key: Key, real: Real) -> _State:
        return _State(learner.init(key, real), jnp.int32(0))

    def sample(key: Key, real: Real) -> Array:
        return real.released

    def update(key, state, released):
        number = state.step % releases.count

        def loss_fn(learned):
            ours = flattened(learner.decode(learned))
            weights = ours.labels / ours.labels.sum(0)
            features = public_features(
                model, number, ours.images, augment, learned_features
            )
            ours = weights.T @ clipped(features, releases.clip)
            return matching_loss(released[number], ours) / releases.clip**2

        loss, grad = jax.value_and_grad(loss_fn)(state.learned.params)
        learned = learner.update(state.learned, grad)
        return _State(learned, state.step + 1), {"loss": loss}

    read = lambda state: learner.read(state.learned)
    return Method(init_state, sample, update, read, releases=releases)
