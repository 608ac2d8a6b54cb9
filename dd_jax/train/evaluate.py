"""Predictions of trained networks, in batches that cache or memory hold."""

from collections.abc import Callable
from functools import partial

import chex
import jax
import numpy as np

from dd_jax.runtime.device_memory import in_batches
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, Model, Params

_BATCH = 64  # images at a time on CPU


def logits(
    model: Model, params: Params, images: Array, *, batch: int = _BATCH
) -> Array:
    """Logits of one network on many images.

    Args:
      model: the network.
      params: its parameters.
      images: `u8` or `f32` in [0, 1], `[n h w c]`.
      batch: images at a time on CPU; accelerators take as many as memory holds.

    Returns:
      `f32[n k]`.
    """
    chex.assert_rank(images, 4)
    return _program(model, "apply", batch)(params, images)


@reused
def _program(
    model: Model, outputs: str, batch: int
) -> Callable[[Params, Array], Array]:
    """What a function of a model, `apply` or `features`, gives for many images."""

    @jax.jit
    def run(params, images):
        function = partial(getattr(model, outputs), params)
        return in_batches(lambda some: function(as_pixels(some)), images, batch)

    return run


def predictions(model: Model, params: Params, images: Array) -> np.ndarray:
    """Predicted classes of several networks.

    Args:
      model: the network.
      params: parameters with a leading axis of s networks.
      images: `[n h w c]`, as for `logits`.

    Returns:
      `i64[s n]`.
    """
    return np.asarray(logits_of_each(model, params, images)).argmax(-1)


def logits_of_each(model: Model, params: Params, images: Array) -> Array:
    """Logits of several networks on many images.

    Args:
      model: the network.
      params: parameters with a leading axis of s networks.
      images: `[n h w c]`, as for `logits`.

    Returns:
      `f32[s n k]`.
    """
    chex.assert_rank(images, 4)
    return _program_of_each(model, "apply")(images, params)


def features_of_each(model: Model, params: Params, images: Array) -> Array:
    """Features of several networks, the input of their last layers.

    Args:
      model: the network.
      params: parameters with a leading axis of s networks.
      images: `[n h w c]`, as for `logits`.

    Returns:
      `f32[s n d]`.
    """
    chex.assert_rank(images, 4)
    return _program_of_each(model, "features")(images, params)


@reused
def _program_of_each(model: Model, outputs: str) -> Callable:
    one = _program(model, outputs, _BATCH)
    return map_models(lambda images, params: one(params, images))
