"""Noise corruptions of one image; the result may leave [0, 1]."""

import jax
import jax.numpy as jnp

from dd_jax.types import Array, Key


def gaussian_noise(key: Key, image: Array, sigma: Array) -> Array:
    """Normal noise: `x + sigma n`."""
    return image + sigma * jax.random.normal(key, image.shape)


def shot_noise(key: Key, image: Array, photons: Array) -> Array:
    """Poisson noise: `Poisson(photons x) / photons`."""
    return jax.random.poisson(key, image * photons).astype(jnp.float32) / photons


def impulse_noise(key: Key, image: Array, share: Array) -> Array:
    """Salt and pepper: a share of the values becomes 0 or 1, half each."""
    chance = jax.random.uniform(key, image.shape)
    peppered = jnp.where(chance < share / 2, 0.0, image)
    return jnp.where(chance >= 1 - share / 2, 1.0, peppered)
