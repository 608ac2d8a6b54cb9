"""Features in the random network of one release, which no private row decides."""

from collections.abc import Callable

import jax

from dd_jax.distill.methods.distribution_matching import embed as _embed
from dd_jax.runtime.keys import named
from dd_jax.types import Array, Key, Model

Augment = Callable[[Key, Array], Array]

_NOISE_IMAGES = 64


def network_key(number: Array | int) -> Key:
    """Of the random network of one release; the same in every run, as it is public."""
    return jax.random.fold_in(jax.random.key(0), number)


def public_features(
    model: Model,
    number: Array | int,
    images: Array,
    augment: Augment,
    embed: Callable[..., Array] = _embed,
) -> Array:
    """Features of images that are augmented alike, from the mean feature of noise.

    `g_r(x) = f_r(A_r(x)) - mean_j f_r(A_r(z_j))`, where network f_r, augmentation A_r
    and 64 images z of standard normal values, in the space of learning, follow from the
    number r of the release. All images have a large part of their features in common,
    that of noise too; without it, what tells classes apart is a larger part of what is
    clipped.

    Args:
      model: the family of networks.
      number: r.
      images: `f32[n h w c]`, pixels.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      embed: `(model, params, images) -> f32[n d]`.

    Returns:
      `f32[n d]`.
    """
    key = network_key(number)
    params = model.init(key)
    augmented = lambda images: augment(named(key, "augment"), images)
    shape = _NOISE_IMAGES, *images.shape[1:]
    noise = model.space.leave(jax.random.normal(named(key, "noise"), shape))
    centre = _embed(model, params, augmented(noise)).mean(0)
    return embed(model, params, augmented(images)) - centre
