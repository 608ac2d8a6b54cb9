"""Expectation over transformation: several draws of a model that is random."""

from collections.abc import Callable

import jax

from dd_jax.attacks.chain import LogitsFn
from dd_jax.types import Array, Key


def drawn_logits(logits_fn: LogitsFn, eot: int) -> Callable[[Key, Array], Array]:
    """Logits of each of several draws of a randomised model; one of any other model.

    Source: Athalye et al. 2018, "Synthesizing robust adversarial examples".

    Args:
      logits_fn: `images -> f32[n k]`, or `(key, images) -> f32[n k]` if eot > 0.
      eot: number of draws, static; 0 for a deterministic model.

    Returns:
      `(key, images) -> f32[max(eot, 1) n k]`.
    """
    if not eot:
        return lambda key, images: logits_fn(images)[None]
    return lambda key, images: jax.vmap(logits_fn, (0, None))(
        jax.random.split(key, eot), images
    )
