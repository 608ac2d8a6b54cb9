"""Models on clean images: zero gradients, and outputs that differ between passes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.attacks.inputs import assert_batch
from dd_jax.attacks.objectives import LOSSES
from dd_jax.audits.robustness.chunks import on_chunks
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Params

PASSES = 5  # of the same images through a model


class Behaviour(NamedTuple):
    """Gradients and outputs of s networks on clean images.

    Attributes:
      without_gradient: `bool[s n]`, the gradient of the cross-entropy with respect to
        the image is zero or not finite.
      spread: `f64[s]`, largest difference between the logits of two passes, over the
        largest logit; 0 for a deterministic model.
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
    """Finds zero gradients and randomised outputs, by five passes of the same images.

    Source: the flags of AutoAttack (zero gradients, randomised outputs).

    Args:
      key: typed PRNG key; no result depends on it.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: parameters of the networks, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      chunk: batch size.

    Raises:
      InputError: other shapes or dtypes.
    """
    assert_batch(images, labels)
    run = _diagnose(apply)
    passes = [run(key, params, images, labels, chunk=chunk) for _ in range(PASSES)]
    logits = np.stack([np.asarray(logits, np.float64) for logits, _ in passes])
    spread = (logits.max(0) - logits.min(0)).max((1, 2, 3))
    useless = np.asarray(passes[0][1])
    return Behaviour(
        useless.reshape(len(useless), -1)[:, : len(images)],
        spread / np.maximum(np.abs(logits).max((0, 2, 3, 4)), np.finfo(float).tiny),
    )


@reused
def _diagnose(apply: Callable):
    """Logits `[b k]`, and whether the gradient is zero or not finite, `[b]`."""

    def diagnose(key, logits_fn, images, labels):
        del key

        def total(images):
            logits = logits_fn(images)
            return jax.vmap(LOSSES["ce"])(logits, labels).sum(), logits

        gradient, logits = jax.grad(total, has_aux=True)(images)
        size = jnp.abs(gradient).max((1, 2, 3))
        return logits, ~((size > 0) & jnp.isfinite(size))

    return on_chunks(diagnose, apply)
