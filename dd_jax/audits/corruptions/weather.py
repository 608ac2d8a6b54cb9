"""Weather corruptions of one image; the result may leave [0, 1]."""

import jax
import jax.numpy as jnp

from dd_jax.audits.corruptions.filters import luminance, motion_blurred, zoomed
from dd_jax.types import Array, Key

MAX_SNOW_LENGTH = 28.0  # of motion blur, twice ImageMagick's radius
ICE = (0.82, 0.91, 1.0)  # colour of frost


def plasma(key: Key, shape: tuple[int, int], decay: Array) -> Array:
    """Plasma fractal in [0, 1], by the diamond-square algorithm on a torus.

    Each doubling of the grid inserts the mean of four neighbours and uniform noise,
    whose width shrinks by `decay^2`.

    Args:
      key: typed PRNG key.
      shape: `(h, w)`, cropped from the least power of two that holds both.
      decay: at least 1; the larger, the smoother.

    Returns:
      `f32[h w]`.
    """
    side = 1 << (max(shape) - 1).bit_length()
    noise = jax.random.uniform(key, (side * side,), minval=-1.0)
    grid, width = jnp.zeros((1, 1)), 1.0
    while (n := len(grid)) < side:
        drawn = width * noise[n * n : 4 * n * n].reshape(3, n, n)
        right, below = jnp.roll(grid, -1, 1), jnp.roll(grid, -1, 0)
        centre = (grid + right + below + jnp.roll(right, -1, 0)) / 4 + drawn[0]
        top = (grid + right + centre + jnp.roll(centre, 1, 0)) / 4 + drawn[1]
        left = (grid + below + centre + jnp.roll(centre, 1, 1)) / 4 + drawn[2]
        rows = jnp.stack([grid, top], -1), jnp.stack([left, centre], -1)
        grid = jnp.stack([row.reshape(n, 2 * n) for row in rows], 1)
        grid = grid.reshape(2 * n, 2 * n)
        width = width / decay**2
    low, high = grid.min(), grid.max()
    return ((grid - low) / jnp.maximum(high - low, 1e-6))[: shape[0], : shape[1]]


def fog(key: Key, image: Array, density: Array, decay: Array) -> Array:
    """Adds `density` times plasma and dims: `(x + d p) max(x) / (max(x) + d)`."""
    haze = density * plasma(key, image.shape[:2], decay)[..., None]
    brightest = image.max()
    return (image + haze) * brightest / (brightest + density)


def frost(key: Key, image: Array, kept: Array, covered: Array) -> Array:
    """Ice over the image: `kept x + covered ice`.

    The ice is procedural: ridges `(1 - |2 p - 1|)^3` of a rough plasma, for needles,
    over a smooth one, for patches.
    """
    for_needles, for_patches = jax.random.split(key)
    rough = plasma(for_needles, image.shape[:2], 1.3)
    needles = (1 - jnp.abs(2 * rough - 1)) ** 3
    patches = plasma(for_patches, image.shape[:2], 2.0)
    ice = (0.2 + 0.5 * patches + 0.3 * needles)[..., None]
    channels = image.shape[-1]
    tint = jnp.array(ICE if channels == 3 else [sum(ICE) / 3] * channels)
    return kept * image + covered * ice * tint


def snow(
    key: Key,
    image: Array,
    mean: Array,
    spread: Array,
    zoom: Array,
    least: Array,
    length: Array,
    sigma: Array,
    kept: Array,
) -> Array:
    """Motion-blurred flakes, and the image whitened with weight `1 - kept`.

    Flakes are normal noise (`mean`, `spread`), enlarged by `zoom`, 0 below `least`,
    motion-blurred along a steep direction, and added twice, once rotated by half a
    turn.
    """
    for_flakes, for_angle = jax.random.split(key)
    noise = mean + spread * jax.random.normal(for_flakes, (*image.shape[:2], 1))
    flakes = zoomed(noise, zoom)
    flakes = jnp.where(flakes < least, 0.0, jnp.clip(flakes, 0.0, 1.0))
    angle = jnp.pi * jax.random.uniform(for_angle, minval=-0.75, maxval=-0.25)
    flakes = motion_blurred(flakes, length, sigma, angle, MAX_SNOW_LENGTH)
    white = jnp.maximum(image, 1.5 * luminance(image) + 0.5)
    whitened = kept * image + (1 - kept) * white
    return whitened + flakes + flakes[::-1, ::-1]


def brightness(key: Key, image: Array, offset: Array) -> Array:
    """Increases the value of HSV by `offset`, to at most 1."""
    del key
    value = image.max(-1, keepdims=True)
    raised = jnp.clip(value + offset, 0.0, 1.0)
    scaled = image * raised / jnp.maximum(value, 1e-6)
    return jnp.where(value > 0, scaled, raised)
