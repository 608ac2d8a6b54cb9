"""Normalisation, activation, pooling and linear layers, in forms that fuse on CPU."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp

from dd_jax.catalogue.rules import NORMS
from dd_jax.models.initializers import torch_uniform
from dd_jax.runtime.precision import product
from dd_jax.types import Array, InputError

POOLINGS = {"avg": jnp.add, "max": jnp.maximum, "none": None}
ACTIVATIONS = {
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "leaky_relu": jax.nn.leaky_relu,
    "swish": jax.nn.swish,
}
_EPS = 1e-5
_GROUPS = 4
_MOMENTUM = 0.1  # weight of the newest batch in the running statistics


def moments(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and variance over `axes` in one pass over the data, dimensions kept.

    `Var = E[(x - s)^2] - E[x - s]^2` with the shift s taken from the data (the first
    entry along `axes`), so that a large common offset does not cancel.

    Args:
      x: an array.
      axes: the dimensions averaged over.

    Returns:
      Mean and biased variance, both with size one along `axes`.
    """
    first = tuple(slice(0, 1) if i in axes else slice(None) for i in range(x.ndim))
    shift = jax.lax.stop_gradient(x[first])
    mean = jnp.mean(x - shift, axes, keepdims=True)
    square = jnp.mean(jnp.square(x - shift), axes, keepdims=True)
    return mean + shift, jnp.maximum(square - jnp.square(mean), 0.0)


class Norm(nn.Module):
    """Normalisation with a learned scale and offset for each channel.

    `instance` standardises each channel of each image, `group` four groups of channels
    and `layer` all channels of each image; `batch` standardises each channel over the
    batch in training and by running statistics (momentum 0.1, unbiased variance)
    elsewhere; `none` does nothing.
    """

    kind: str

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to the same shape."""
        if self.kind not in NORMS:
            raise InputError(f"model.norm is {self.kind!r}; known: {', '.join(NORMS)}")
        if self.kind == "none":
            return x
        c = x.shape[-1]
        if self.kind == "instance" and x.shape[1:3] == (1, 1):
            raise InputError(
                "model.norm 'instance' erases 1x1 feature maps: "
                "take larger images, a smaller model.depth or another model.norm"
            )
        if self.kind == "group" and c % _GROUPS:
            raise InputError(
                f"model.norm 'group' needs channels in multiples of {_GROUPS}; got {c}"
            )
        scale = self.param("scale", nn.initializers.ones, (c,))
        offset = self.param("bias", nn.initializers.zeros, (c,))
        if self.kind == "batch":
            mean, var = self._batch_statistics(x, train)
        elif self.kind == "instance":
            mean, var = moments(x, (1, 2))
        else:
            groups = 1 if self.kind == "layer" else _GROUPS
            grouped = x.reshape(*x.shape[:3], groups, c // groups)
            spread = lambda m: jnp.repeat(m[..., 0], c // groups, -1)
            mean, var = map(spread, moments(grouped, (1, 2, 4)))
        slope = scale * jax.lax.rsqrt(var + _EPS)
        return x * slope + (offset - mean * slope)

    def _batch_statistics(self, x, train):
        c, count = x.shape[-1], x.size // x.shape[-1]
        old_mean = self.variable("batch_stats", "mean", jnp.zeros, (c,))
        old_var = self.variable("batch_stats", "var", jnp.ones, (c,))
        if not train:
            return old_mean.value, old_var.value
        mean, var = (m.reshape(c) for m in moments(x, (0, 1, 2)))
        if not self.is_initializing():
            unbiased = var * count / max(count - 1, 1)
            old_mean.value += _MOMENTUM * (mean - old_mean.value)
            old_var.value += _MOMENTUM * (unbiased - old_var.value)
        return mean, var


def pool(x: Array, kind: str = "avg", window: int = 2) -> Array:
    """Pools windows that do not overlap, as a reduction over strided slices.

    A size that the window does not divide is floored; a dimension smaller than the
    window is left as it is.

    Args:
      x: `f32[n h w c]`.
      kind: `avg`, `max` or `none`.
      window: side of the square window and stride.

    Returns:
      `f32[n h//window w//window c]`.

    Differs from the usual max pooling in: tied maxima share the gradient.

    >>> pool(jnp.arange(6.0).reshape(1, 2, 3, 1)).ravel()
    Array([2.], dtype=float32)
    """
    chex.assert_rank(x, 4)
    if kind not in POOLINGS:
        raise InputError(f"model.pooling is {kind!r}; known: {', '.join(POOLINGS)}")
    if kind == "none":
        return x
    rows, columns = (window if size >= window else 1 for size in x.shape[1:3])
    h, w = x.shape[1] // rows * rows, x.shape[2] // columns * columns
    total = None
    for i in range(rows):
        for j in range(columns):
            part = x[:, i:h:rows, j:w:columns]
            total = part if total is None else POOLINGS[kind](total, part)
    return total / (rows * columns) if kind == "avg" else total


def activate(x: Array, kind: str) -> Array:
    """Applies the activation function called `kind` to each entry."""
    if kind not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise InputError(f"model.activation is {kind!r}; known: {known}")
    return ACTIVATIONS[kind](x)


class Linear(nn.Module):
    """A fully connected layer with bias and PyTorch's default start.

    `exact` computes in f32 whatever the precision of the network.
    """

    features: int
    exact: bool = False

    @nn.compact
    def __call__(self, x):
        """Maps `f32[n d]` to `f32[n features]`."""
        start = torch_uniform(x.shape[-1])
        kernel = self.param("kernel", start, (x.shape[-1], self.features))
        y = product(jnp.matmul, x, kernel, exact=self.exact)
        return y + self.param("bias", start, (self.features,))
