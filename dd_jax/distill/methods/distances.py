"""Distances between two gradients of the same network, each a pytree like its weights.

The last dimension of a weight is its output: a row is what leads to one output.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dd_jax.types import Array, Params

Distance = Callable[[Params, Params], Array]
_TINY = 1e-6


def _weights(gradient: Params) -> list[Array]:
    """Gradients of convolution kernels and linear layers, not of biases or norms."""
    return [leaf for leaf in jax.tree.leaves(gradient) if leaf.ndim > 1]


def _kernels(gradient: Params) -> list[Array]:
    """Gradients of convolution kernels; of all weights in a network without any."""
    kernels = [leaf for leaf in jax.tree.leaves(gradient) if leaf.ndim == 4]
    return kernels or _weights(gradient)


def _norm(x: Array, axis=None) -> Array:
    """Euclidean norm whose gradient at zero is zero."""
    square = jnp.square(x).sum(axis)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)


def cosine(a: Params, b: Params) -> Array:
    """Cosine of the rows of each layer: `sum_r 1 - <a_r, b_r> / (|a_r||b_r| + 1e-6)`.

    Zhao, Mopuri and Bilen (2021), eq. 10. Biases and norm parameters count nothing.

    Args:
      a: gradients.
      b: gradients of the same structure.

    Returns:
      `f32[]`, between 0 and twice the number of rows.
    """

    def layer(a, b):
        a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
        return (1 - (a * b).sum(0) / (_norm(a, 0) * _norm(b, 0) + _TINY)).sum()

    return jnp.stack([layer(*pair) for pair in zip(_weights(a), _weights(b))]).sum()


def _difference(size: Callable, leaves: Callable) -> Distance:
    def distance(a, b):
        pairs = zip(leaves(a), leaves(b))
        return jnp.stack([size(x - y).sum() for x, y in pairs]).sum()

    return distance


def flat_cosine(a: Params, b: Params) -> Array:
    """`1 - <a, b> / (|a||b| + 1e-6)` of all parameters in one vector."""
    a, b = (jnp.concatenate([x.ravel() for x in jax.tree.leaves(t)]) for t in (a, b))
    return 1 - jnp.vdot(a, b) / (_norm(a) * _norm(b) + _TINY)


# `squared` counts every parameter; `kernel_*`, which IDC uses (Kim et al., 2022), sum
# squared or absolute differences over convolution kernels only.
DISTANCES: dict[str, Distance] = {
    "cosine": cosine,
    "flat_cosine": flat_cosine,
    "squared": _difference(jnp.square, jax.tree.leaves),
    "kernel_squared": _difference(jnp.square, _kernels),
    "kernel_absolute": _difference(jnp.abs, _kernels),
}
