"""How a model answers before anyone attacks it: has it gradients, does it draw?"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.attacks.objectives import cross_entropy
from dd_jax.audits.robustness.chunks import on_chunks
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Params

PASSES = 5  # that the same images make through a model


class Behaviour(NamedTuple):
    """What s nets do on clean images.

    Attributes:
      without_gradient: `bool[s n]`, the gradient of the cross-entropy in the image is
        zero, or not finite.
      spread: `f64[s]`, the furthest that logits of two passes lie apart, over the
        largest logit; 0 for a model that draws nothing.
    """

    without_gradient: np.ndarray
    spread: np.ndarray


def behaviour(
    key: Key,
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: Array,
    labels: Array,
    *,
    chunk: int,
) -> Behaviour:
    """Gradients, and the same images five times over, on several nets.

    Source: the flags that AutoAttack raises (its checks of zero gradients and of
    randomised outputs).

    Args:
      key: typed PRNG key, which no number depends on.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: parameters of the nets, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      chunk: images at once.
    """
    run = _looker(apply)
    passes = [run(key, params, images, labels, chunk=chunk) for _ in range(PASSES)]
    logits = np.stack([np.asarray(logits, np.float64) for logits, _ in passes])
    apart = (logits.max(0) - logits.min(0)).max((1, 2, 3))
    flat = np.asarray(passes[0][1])
    return Behaviour(
        flat.reshape(len(flat), -1)[:, : len(images)],
        apart / np.maximum(np.abs(logits).max((0, 2, 3, 4)), np.finfo(float).tiny),
    )


@reused
def _looker(apply: Callable):
    """Logits `[b k]`, and whether the gradient is of no use, `[b]`."""

    def look(key, logits_fn, images, labels):
        del key

        def total(images):
            logits = logits_fn(images)
            return jax.vmap(cross_entropy)(logits, labels).sum(), logits

        gradient, logits = jax.grad(total, has_aux=True)(images)
        size = jnp.abs(gradient).max((1, 2, 3))
        return logits, ~((size > 0) & jnp.isfinite(size))

    return on_chunks(look, apply)
