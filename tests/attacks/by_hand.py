"""A tiny network with its gradient in NumPy, and a record of an attack's queries."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Mlp(NamedTuple):
    """`tanh((x - 1/2) A) B`: in JAX for a batch, in float64 for one flat image."""

    first: np.ndarray
    second: np.ndarray

    def __call__(self, images):
        hidden = jnp.tanh((images.reshape(len(images), -1) - 0.5) @ self.first)
        return hidden @ self.second

    def logits(self, x):
        return np.tanh((x - 0.5) @ self.first.astype(float)) @ self.second.astype(float)

    def pull(self, x, up):
        """Gradient of `up . logits` at x."""
        hidden = np.tanh((x - 0.5) @ self.first.astype(float))
        return self.first.astype(float) @ ((1 - hidden**2) * (self.second @ up))


def mlp(seed, shape, n, sharp):
    """Model, images `f32[n h w c]` and their labels: every image is right."""
    rng = np.random.default_rng(seed)
    size, hidden, classes = int(np.prod(shape)), 5, 3
    first = sharp * rng.normal(size=(size, hidden)).astype(np.float32)
    model = Mlp(first, rng.normal(size=(hidden, classes)).astype(np.float32))
    images = rng.uniform(0.3, 0.7, (n, *shape)).astype(np.float32)
    return model, images, np.asarray(model(images).argmax(-1))


def watched(run, model, images, labels, index=0):
    """One run of an attack: `points f64[q n d], found f64[n d], score f32[n]`.

    The points are all queries of the run, in order.
    """
    points = []

    def logits_fn(x):
        note = lambda x: points.append(np.array(x, float).reshape(len(x), -1))
        jax.debug.callback(note, x, ordered=True)
        return model(x)

    found, score = jax.jit(run, static_argnums=1)(
        jax.random.key(3), logits_fn, images, labels, np.int32(index)
    )
    jax.effects_barrier()
    flat = np.asarray(found, float).reshape(len(images), -1)
    return np.array(points), flat, np.asarray(score)
