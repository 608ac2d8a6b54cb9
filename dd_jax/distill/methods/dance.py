"""DANCE: distribution matching in networks between their start and their end."""

from dd_jax.distill.base import Method
from dd_jax.distill.methods.distribution_matching import squared_distances
from dd_jax.distill.methods.interpolated_matching import interpolated_matching
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.types import Model


@reused
@passes_on(interpolated_matching, "distances", "embedding", "drawn_with")
def dance(model: Model, **options) -> Method:
    """Distribution matching with inter-, inner-class and long-term alignment.

    `interpolated_matching` with D the squared distance of mean features.

    Zhang et al. (2024), DANCE, IJCAI, eq. 3 to 7.
    Differs from the released code in: experts train by plain gradient descent at a
    constant learning rate, as those of MTT; all classes are updated in one step.

    Args:
      model: the network of the experts.
      **options: see `interpolated_matching`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`; the same arguments give the same
      object.
    """
    return interpolated_matching(model, squared_distances, **options)
