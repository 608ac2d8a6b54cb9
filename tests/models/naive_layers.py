"""Layers as plain float64 loops, and weights to hold the fast ones against them."""

import jax
import jax.numpy as jnp
import numpy as np


def weights(init, seed):
    """Arbitrary numbers in the shapes of the variables that `init(key)` makes."""
    rng = np.random.default_rng(seed)
    fill = lambda leaf: jnp.asarray(rng.uniform(-0.5, 0.5, leaf.shape), leaf.dtype)
    return jax.tree.map(fill, jax.eval_shape(init, jax.random.key(0)))


def convolve(x, w, padding, stride=1):
    x, w = np.asarray(x, np.float64), np.asarray(w, np.float64)
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    k = w.shape[0]
    rows = range(0, x.shape[1] - k + 1, stride)
    columns = range(0, x.shape[2] - k + 1, stride)
    y = np.zeros((x.shape[0], len(rows), len(columns), w.shape[3]))
    for a, i in enumerate(rows):
        for b, j in enumerate(columns):
            y[:, a, b] = np.tensordot(x[:, i : i + k, j : j + k], w, 3)
    return y


def instance_norm(x, scale, offset):
    y = np.zeros(x.shape)
    for n in range(x.shape[0]):
        for c in range(x.shape[3]):
            z = np.asarray(x[n, :, :, c], np.float64)
            y[n, :, :, c] = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
    return y * scale + offset


def pool(x, kind, window=2):
    reduce = {"avg": np.mean, "max": np.max}[kind]
    rows = window if x.shape[1] >= window else 1
    columns = window if x.shape[2] >= window else 1
    h, w = x.shape[1] // rows, x.shape[2] // columns
    y = np.zeros((x.shape[0], h, w, x.shape[3]))
    for i in range(h):
        for j in range(w):
            part = x[:, i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
            y[:, i, j] = reduce(part, axis=(1, 2))
    return y


def relu(x):
    return np.maximum(x, 0)


def linear(x, weights):
    return x @ np.asarray(weights["kernel"], np.float64) + weights["bias"]
