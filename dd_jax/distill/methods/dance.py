"""DANCE: distribution matching in networks between their start and their end."""

from collections.abc import Callable

from dd_jax.distill.base import Experts, Method
from dd_jax.distill.methods.distribution_matching import squared_distances
from dd_jax.distill.methods.interpolated_matching import interpolated_matching
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import unchanged
from dd_jax.types import PIXELS, Array, Key, Model


@reused
@passes_on(synthetic, "space", "clamp")
def dance(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float = 0.03,
    experts: int = 5,
    expert_epochs: int = 20,
    expert_lr: float = 0.01,
    expert_weight: float = 1.0,
    factor: int = 2,
    **images,
) -> Method:
    """Distribution matching with inter-, inner-class and long-term alignment.

    `interpolated_matching` with D the squared distance of mean features. Stored images
    in [0, 1] hold `factor^2` synthetic ones each, as in IDC.

    Zhang et al. (2024), DANCE, IJCAI, eq. 3 to 7.
    Differs from the released code in: experts train by plain gradient descent at a
    constant learning rate, as those of MTT; all classes are updated in one step.

    Args:
      model: the network of the experts.
      ipc: stored images a class.
      init: see `synthetic`.
      batch_real: real images a class and step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      lr: learning rate of the stored images.
      experts: networks trained as experts.
      expert_epochs: T, epochs that they train for.
      expert_lr: their learning rate.
      expert_weight: of the experts' own loss on the set; 0 leaves it out.
      factor: tiles along each side of a stored image.
      **images: see `synthetic`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`; the same arguments give the same
      object.
    """
    return interpolated_matching(
        model,
        synthetic(
            ipc=ipc,
            init=init,
            lr=lr,
            space=PIXELS,
            clamp=True,
            factor=factor,
            **images,
        ),
        squared_distances,
        batch_real=batch_real,
        augment=augment,
        experts=Experts((0, expert_epochs), experts, expert_lr),
        expert_weight=expert_weight,
    )
