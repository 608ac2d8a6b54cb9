"""Distribution matching to noisy class means that were released once."""

import jax

from dd_jax.distill.base import Method, Real, Releases
from dd_jax.distill.methods.distribution_matching import learned_features, matching_loss
from dd_jax.distill.parametrisation.protocol import flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.private.class_releases import network_key
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.private.clipping import clipped, require_rows_apart
from dd_jax.types import Array, Key, Model


@reused
@passes_on(synthetic, "space", "clamp")
def release_matching(
    model: Model,
    *,
    ipc: int,
    releases: Releases,
    init: str = "noise",
    lr: float = 10.0,
    **images,
) -> Method:
    """Differentially private distribution matching by a single release.

    Before the first step, class means of clipped features of all private rows are
    released with Gaussian noise in R random networks. Each step takes one of them, r,
    and descends
    `sum_c || m_rc - sum_j y_jc clip(f_r(s_j)) / sum_j y_jc ||^2 / C^2`.
    Steps see no private row, so that their number costs no privacy.

    After Zheng and Li (2023), "Differentially private dataset condensation" (NDPDC),
    and Harder et al. (2021), DP-MERF, arXiv:2002.11603.
    Differs from NDPDC in: every mean is released once, of all rows instead of a Poisson
    batch, and is used in any number of steps; no augmentation.

    Args:
      model: the family of random networks, without batch statistics.
      ipc: stored images a class.
      releases: how many networks, C and the noise.
      init: `noise` or `public:SOURCE`: no private row decides.
      lr: learning rate of the stored images.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.

    Raises:
      InputError: a model with batch statistics.
    """
    require_rows_apart(model)
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)

    def sample(key: Key, real: Real) -> tuple[Array, Array]:
        number = jax.random.randint(key, (), 0, releases.count)
        return number, real.released[number]

    def update(key, state, drawn):
        number, means = drawn
        params = model.init(network_key(number))

        def loss_fn(learned):
            ours = flattened(learner.decode(learned))
            weights = ours.labels / ours.labels.sum(0)
            features = learned_features(model, params, ours.images)
            ours = weights.T @ clipped(features, releases.clip)
            return matching_loss(means, ours) / releases.clip**2

        loss, grad = jax.value_and_grad(loss_fn)(state.params)
        return learner.update(state, grad), {"loss": loss}

    return Method(learner.init, sample, update, learner.read, releases=releases)
