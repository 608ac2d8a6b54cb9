"""One step of many shadow distillations: they share the network and the real batch."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from dd_jax.distill.base import Batch, Real, draw_rows
from dd_jax.distill.traced import Traced
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, InputError, Key, Model


class BatchedMethod(NamedTuple):
    """A method as s distillations take it in one batch, with shared random numbers.

    Attributes:
      sample: `(key, Real, member bool[s n]) -> Batch` with weights `f32[s k b]`.
      update: `(key, states[s], batch) -> (states[s], info)`; `info["loss"]` is `f32[]`,
        their mean.
      traced: as in `Method`.
    """

    sample: Callable[[Key, Real, Array], Batch]
    update: Callable[[Key, Any, Batch], tuple[Any, dict[str, Array]]]
    traced: Traced | None = None


def shared_sample(batch_real: int) -> Callable[[Key, Real, Array], Batch]:
    """Draws one real batch for all shadows, with each shadow's weights.

    Args:
      batch_real: real images a class, shared by all shadows.

    Returns:
      `BatchedMethod.sample`; weights are 1 where the row is the shadow's.
    """

    def sample(key: Key, real: Real, member: Array) -> Batch:
        rows, present = draw_rows(key, real, batch_real)
        images = as_pixels(jnp.asarray(real.images)[rows])
        return Batch(images, present * member[:, rows])

    return sample


def require_no_batch_stats(model: Model) -> None:
    """Refuses batch statistics: through them shadows would see the rows of others.

    Raises:
      InputError: a model with batch statistics.
    """
    if model.has_batch_stats:
        raise InputError(
            "audits.privacy.joint: model.norm=batch mixes the rows of shadows; take "
            "another norm, or joint=False"
        )
