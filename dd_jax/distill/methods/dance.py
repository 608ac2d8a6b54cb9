"""DANCE: distribution matching in networks between their start and their end."""

from dd_jax.distill.base import Method
from dd_jax.distill.methods.distribution_matching import squared_distances
from dd_jax.distill.methods.interpolated_matching import interpolated_matching
from dd_jax.distill.signatures import passes_on
from dd_jax.distill.traced import switched_on
from dd_jax.runtime.reuse import reused
from dd_jax.types import Model


@reused
@passes_on(interpolated_matching, "distances", "embedding", "drawn_with")
def dance(model: Model, *, ipc: int, lr: float = 0.0, **options) -> Method:
    """Distribution matching with inter-, inner-class and long-term alignment.

    `interpolated_matching` with D the squared distance of mean features.

    Zhang et al. (2024), DANCE, IJCAI, eq. 3 to 7.
    Differs from the released code in: experts train at a constant learning rate and
    without CutMix (released: 60 epochs in batches of 64); all classes are updated in
    one step, which is the same without momentum; images are clamped after each of the
    two steps; tiles start from random images, shrunk by the mean. Released with
    `distill.augment=color+crop+cutout`, real batches of 128 a class, 10,000 steps, and
    networks that train on the set for 1,500 epochs in batches of 64 with CutMix and
    `train.decay=thirds`; its accuracy is the best of several evaluations on test rows.
    At half the width the squared distance of features weighs about half as much beside
    the experts' loss.

    Args:
      model: the network of the experts.
      ipc: stored images a class.
      lr: learning rate of the stored images; 0 is the published `0.01 ipc`.
      **options: see `interpolated_matching`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`; the same arguments give the same
      object.
    """
    lr = lr if switched_on(lr) else 0.01 * ipc
    return interpolated_matching(model, squared_distances, ipc=ipc, lr=lr, **options)
