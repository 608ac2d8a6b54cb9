"""Differentiable Siamese Augmentation: one random operation per batch."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from dd_jax.data import image_ops as ops
from dd_jax.types import Array, InputError, Key

BRIGHTNESS = 0.5  # x + u - BRIGHTNESS
SATURATION = 2.0  # largest factor; the smallest is 0
CONTRAST = 0.5  # smallest factor; the largest is 1 more
CROP = 0.125  # largest shift, as a fraction of the side
SCALE = 1.2  # largest factor; the smallest is its inverse
DEGREES = 15.0  # largest rotation

Operation = Callable[[Key, int, Array], Array]  # (key, m, normalised images) -> images


class Augment(NamedTuple):
    """Random augmentation of a batch; images are `f32[n h w c]` in pixel space.

    Attributes:
      siamese: `(key, images) -> images`, the same parameters for every image, so that
        two batches given the same key are augmented alike.
      independent: `(key, images) -> images`, parameters of its own for every image.
    """

    siamese: Callable[[Key, Array], Array]
    independent: Callable[[Key, Array], Array]


def dsa(strategy: str, mean: tuple[float, ...], std: tuple[float, ...]) -> Augment:
    """Builds Differentiable Siamese Augmentation from a strategy string.

    Each call draws one of the strategy's operations, all equally likely, and applies it
    to the whole batch. Stages joined by `+` follow one another, each with one operation
    of its own: `color+crop_scale_rotate+cutout` always applies `color` and `cutout`.
    With `u ~ U(0, 1)`, on normalised images:

    - `flip`: left-right with probability 1/2;
    - `color`: brightness `x + u - 0.5`, saturation by `2 u`, contrast by `u + 0.5`;
    - `crop`: shift by whole pixels in `+-int(h / 8 + 0.5)`, zero fill;
    - `cutout`: a rectangle of half the sides around a random pixel;
    - `scale`: each axis by `U(1 / 1.2, 1.2)`;
    - `rotate`: `U(-15, 15)` degrees.

    Pixels are normalised by `(x - mean) / std` before and brought back after, so a zero
    fill shows as the data's mean. The result is not clamped to [0, 1].

    Args:
      strategy: operations joined by `_`, such as `color_crop_cutout_flip_scale_rotate`,
        in one or more stages joined by `+`; empty or `none` for no augmentation.
      mean: per-channel mean of pixels in [0, 1].
      std: per-channel standard deviation, positive.

    Returns:
      Pure functions, differentiable in the images, for any height, width and channels.

    Raises:
      InputError: an operation that is not one of the above.

    Source: Zhao and Bilen, Dataset Condensation with Differentiable Siamese
    Augmentation, ICML 2021, section 3.2; stages as in Kim et al. (2022), IDC. Differs
    from the released code in: explicit keys in place of a reseeded global generator.
    """
    if strategy in ("", "none"):
        return Augment(lambda key, images: images, lambda key, images: images)
    stages = [stage.split("_") for stage in strategy.split("+")]
    for token in sum(stages, []):
        if token not in OPERATIONS:
            raise InputError(
                f"augment {strategy!r} has the unknown operation {token!r}; join any "
                f"of {', '.join(OPERATIONS)} by '_' or '+', or use 'none'"
            )
    centre, spread = jnp.asarray(mean, jnp.float32), jnp.asarray(std, jnp.float32)

    def one_of(stage: list[str], key: Key, images: Array, draws: int) -> Array:
        key_choice, key_parameters = jax.random.split(key)
        branches = [
            lambda k, x, operation=OPERATIONS[token]: operation(k, draws, x)
            for token in stage
        ]
        choice = jax.random.randint(key_choice, (), 0, len(branches))
        return jax.lax.switch(choice, branches, key_parameters, images)

    def augment(key: Key, images: Array, draws: int) -> Array:
        chex.assert_rank(images, 4)
        keys = [key] if len(stages) == 1 else jax.random.split(key, len(stages))
        images = (images - centre) / spread
        for stage, stage_key in zip(stages, keys):
            images = one_of(stage, stage_key, images, draws)
        return images * spread + centre

    return Augment(
        siamese=lambda key, images: augment(key, images, 1),
        independent=lambda key, images: augment(key, images, len(images)),
    )


def describe(strategy: str) -> str:
    """Describes a strategy, for augmentation without this package.

    >>> describe("flip+crop_rotate").split(". ")[1]
    'Images are normalised before and brought back after'
    """
    if strategy in ("", "none"):
        return "none"
    stages = strategy.split("+")
    known = _words()
    used = {token: known[token] for stage in stages for token in stage.split("_")}
    one = "Of each of the stages " + ", ".join(stages) if stages[1:] else "Of these"
    order = "; the stages follow one another" if stages[1:] else ""
    return (
        f"{one} one operation is drawn for each batch, all equally likely, with "
        f"parameters of its own for each image{order}. Images are normalised before "
        "and brought back after. u is uniform in [0, 1). "
        + "; ".join(f"{token}: {words}" for token, words in used.items())
    )


def _flip(key: Key, m: int, images: Array) -> Array:
    return ops.flip(jax.random.bernoulli(key, 0.5, (m,)), images)


def _color(key: Key, m: int, images: Array) -> Array:
    u = jax.random.uniform(key, (3, m))
    images = ops.brightness(u[0] - BRIGHTNESS, images)
    images = ops.saturation(SATURATION * u[1], images)
    return ops.contrast(u[2] + CONTRAST, images)


def _crop(key: Key, m: int, images: Array) -> Array:
    reach = jnp.array([int(CROP * side + 0.5) for side in images.shape[1:3]])
    return ops.crop(jax.random.randint(key, (m, 2), -reach, reach + 1), images)


def _cutout(key: Key, m: int, images: Array) -> Array:
    end = jnp.array([ops.centres(side) for side in images.shape[1:3]])
    return ops.cutout(jax.random.randint(key, (m, 2), 0, end), images)


def _scale(key: Key, m: int, images: Array) -> Array:
    factors = jax.random.uniform(key, (m, 2), minval=1 / SCALE, maxval=SCALE)
    return ops.scale(factors, images)


def _rotate(key: Key, m: int, images: Array) -> Array:
    limit = jnp.deg2rad(DEGREES)
    angle = jax.random.uniform(key, (m,), minval=-limit, maxval=limit)
    return ops.rotate(angle, images)


OPERATIONS: dict[str, Operation] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}


def _words() -> dict[str, str]:
    """What each operation does, in the numbers that it uses."""
    sampled = ops.describe_sampling()
    half = f"s = int({ops.CUTOUT:g} * side + 0.5)"
    return {
        "color": f"x + u - {BRIGHTNESS:g}, then {SATURATION:g} u (x - g) + g with the "
        f"mean g over channels, then (u + {CONTRAST:g}) (x - m) + m with the image's "
        "mean m; three draws of u",
        "crop": "shift by -r, ..., r whole pixels along each axis, with "
        f"r = int({CROP:g} * side + 0.5), {ops.FILL:g} from outside",
        "cutout": f"{ops.FILL:g} in pixels c - s // 2 to c - s // 2 + s - 1 along each "
        f"axis, {half} and c uniform in 0, 1, ... side - s % 2, as far as they lie "
        "inside",
        "flip": "left-right with probability 1/2",
        "scale": "the image is sampled at a uniform factor in "
        f"[1/{SCALE:g}, {SCALE:g}) times the distance from its middle, one factor an "
        f"axis; {sampled}",
        "rotate": f"by a uniform angle in [-{DEGREES:g}, {DEGREES:g}) degrees about "
        "the middle, in coordinates in which both sides span [-1, 1], positive angles "
        f"counter-clockwise; {sampled}",
    }
