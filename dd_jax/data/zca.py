"""ZCA whitening: pixels made uncorrelated with unit variance, and back."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import chex
import jax.numpy as jnp
import numpy as np

from dd_jax.system.archive import read_npz
from dd_jax.system.paths import no_file
from dd_jax.types import Array, InputError, Space


class Whitening(NamedTuple):
    """A fitted ZCA transform of images with d pixel values.

    Attributes:
      mean: `f32[d]`, of pixels in [0, 1].
      forward: `f32[d d]`, symmetric.
      inverse: `f32[d d]`, symmetric.
    """

    mean: np.ndarray
    forward: np.ndarray
    inverse: np.ndarray


def fit_zca(images: np.ndarray, eps: float = 0.1) -> Whitening:
    """Fits ZCA: `W = U diag((s + eps)^-1/2) U^T`, U and s of the pixels' covariance.

    Krizhevsky (2009), appendix A; with the eps of Cazenavette et al. (2022).

    Args:
      images: `u8[n h w c]`, the training images.
      eps: added to each eigenvalue, in units of squared pixels in [0, 1].

    Returns:
      A `Whitening`.
    """
    chex.assert_rank(images, 4)
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255
    mean = pixels.mean(0, dtype=np.float64)
    centred = pixels - mean.astype(np.float32)
    covariance = centred.T.astype(np.float64) @ centred / max(len(pixels) - 1, 1)
    values, vectors = np.linalg.eigh(covariance)
    scale = np.sqrt(np.maximum(values, 0) + eps)
    spread = lambda diagonal: np.float32((vectors * diagonal) @ vectors.T)
    return Whitening(np.float32(mean), spread(1 / scale), spread(scale))


def fitting_bytes(shape: tuple[int, int, int, int]) -> int:
    """Most memory that `fit_zca` takes for images `[n h w c]`, as measured.

    For d values an image: 45 d^2 bytes for the eigenvectors of the covariance and their
    products, or 8 d^2 + 25 n d while the covariance is summed up.
    """
    n, d = shape[0], math.prod(shape[1:])
    return max(45 * d**2, 8 * d**2 + 25 * n * d)


def fitting_seconds(shape: tuple[int, int, int, int]) -> float:
    """Estimates the time of `fit_zca`, from that of a 512 x 512 covariance."""
    sample = np.random.default_rng(0).random((1024, 512))
    took = []
    for _ in range(3):
        start = time.perf_counter()
        np.linalg.eigh(sample.T @ sample)
        took.append(time.perf_counter() - start)
    return min(took) * (math.prod(shape[1:]) / 512) ** 3


def read_zca(path: str | Path) -> Whitening:
    """Reads the `zca.npz` that goes with a synthetic set.

    Raises:
      InputError: no such file, or not a transform of images.
    """
    if why := no_file(path):
        raise InputError(
            f"no whitening at {path}, which its synthetic set needs: {why}"
        )
    refuse = lambda reason: f"{path} is not a whitening (.npz): {reason}"
    arrays = read_npz(path, Whitening._fields, refusal=refuse)
    if any(a.dtype.kind != "f" or not np.isfinite(a).all() for a in arrays.values()):
        raise InputError(refuse("mean, forward and inverse are finite floats in one"))
    found = Whitening(**{name: np.float32(array) for name, array in arrays.items()})
    square = (found.mean.size, found.mean.size)
    if not found.forward.shape == found.inverse.shape == square:
        raise InputError(f"{path}: forward and inverse should be {square} matrices")
    return found


def zca_space(fitted: Callable[[], Whitening]) -> Space:
    """The space of whitened images; `fitted` is called when first needed.

    >>> pixels = np.random.default_rng(0).random((50, 2, 2, 1)).astype(np.float32)
    >>> fitted = fit_zca(np.uint8(255 * pixels))
    >>> space = zca_space(lambda: fitted)
    >>> bool(np.allclose(space.leave(space.enter(pixels)), pixels, atol=1e-4))
    True
    """

    def through(matrix: np.ndarray, flat: Array) -> Array:
        return jnp.dot(flat, matrix, precision="highest")

    def enter(images: Array) -> Array:
        flat = images.reshape(*images.shape[:-3], -1) - fitted().mean
        return through(fitted().forward, flat).reshape(images.shape)

    def leave(images: Array) -> Array:
        flat = images.reshape(*images.shape[:-3], -1)
        pixels = through(fitted().inverse, flat) + fitted().mean
        return pixels.reshape(images.shape)

    return Space(enter, leave)
