"""The 15 common corruptions at five severities: noise, blur, weather and digital."""

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from dd_jax.audits.corruptions import blur, digital, weather
from dd_jax.audits.corruptions import sensor_noise as noise
from dd_jax.types import Array, InputError, Key

SEVERITIES = 5


class Corruption(NamedTuple):
    """A corruption and its parameters at each severity.

    Attributes:
      apply: `(key, image f32[h w c], *parameters) -> f32[h w c]`, of one image; values
        outside [0, 1] are clipped afterwards.
      parameters: a tuple for each of the severities 1 to 5.
    """

    apply: Callable[..., Array]
    parameters: tuple[tuple[float, ...], ...]


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(
        noise.gaussian_noise, ((0.04,), (0.06,), (0.08,), (0.09,), (0.10,))
    ),
    "shot_noise": Corruption(
        noise.shot_noise, ((500.0,), (250.0,), (100.0,), (75.0,), (50.0,))
    ),
    "impulse_noise": Corruption(
        noise.impulse_noise, ((0.01,), (0.02,), (0.03,), (0.05,), (0.07,))
    ),
    "defocus_blur": Corruption(
        blur.defocus_blur, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
    ),
    "glass_blur": Corruption(
        blur.glass_blur, ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))
    ),
    "motion_blur": Corruption(
        blur.motion_blur, ((12, 1.0), (12, 1.5), (12, 2.0), (16, 2.0), (18, 2.5))
    ),
    "zoom_blur": Corruption(blur.zoom_blur, ((6,), (11,), (16,), (21,), (26,))),
    "snow": Corruption(
        weather.snow,
        (
            (0.1, 0.2, 1.0, 0.6, 16, 3.0, 0.95),
            (0.1, 0.2, 1.0, 0.5, 20, 4.0, 0.9),
            (0.15, 0.3, 1.75, 0.55, 20, 4.0, 0.9),
            (0.25, 0.3, 2.25, 0.6, 24, 6.0, 0.85),
            (0.3, 0.3, 1.25, 0.65, 28, 12.0, 0.8),
        ),
    ),
    "frost": Corruption(
        weather.frost, ((1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
    ),
    "fog": Corruption(
        weather.fog, ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75))
    ),
    "brightness": Corruption(
        weather.brightness, ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,))
    ),
    "contrast": Corruption(
        digital.contrast, ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,))
    ),
    "elastic": Corruption(
        digital.elastic,
        (
            (0.0, 0.0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
    ),
    "pixelate": Corruption(
        digital.pixelate, ((0.95,), (0.9,), (0.85,), (0.75,), (0.65,))
    ),
    "jpeg": Corruption(digital.jpeg, ((80.0,), (65.0,), (58.0,), (50.0,), (40.0,))),
}


def corrupt(key: Key, name: str, images: Array, severity: int | Array) -> Array:
    """Corrupts images; the severity is traced, so that all five share one program.

    Lengths are in pixels of a 32-pixel image and grow with larger ones.

    Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to
    common corruptions and perturbations", in the variant of CIFAR-10-C. Differs from
    the released code in: any size and 1 or 3 channels; frost is procedural in place of
    photographs; motion blur samples bilinearly; glass blur copies neighbours of all
    pixels at once (as the released swap of NumPy views does in effect, except in the
    first two rows and columns); borders are mirrored throughout; elastic resamples
    once, not twice, and its blur ends at 0.6 of the side; only JPEG rounds to 8 bits.

    Args:
      key: typed PRNG key; each image has its own draw.
      name: a key of `CORRUPTIONS`.
      images: `f32[n h w c]` in [0, 1].
      severity: 1 (mild) to 5.

    Returns:
      `f32[n h w c]` in [0, 1].

    Raises:
      InputError: no such corruption, or a severity outside 1 to 5.
    """
    chex.assert_rank(images, 4)
    chex.assert_type(images, float)
    if name not in CORRUPTIONS:
        raise InputError(f"no corruption {name!r}; there are {', '.join(CORRUPTIONS)}")
    if isinstance(severity, Integral) and not 1 <= severity <= SEVERITIES:
        raise InputError(f"severity is {severity}; it must be 1 to {SEVERITIES}")
    parameters = jnp.asarray(CORRUPTIONS[name].parameters, jnp.float32)
    return _corrupt(key, name, jnp.asarray(images), parameters[severity - 1])


@partial(jax.jit, static_argnums=1)
def _corrupt(key, name, images, parameters):
    apply = lambda key, image: CORRUPTIONS[name].apply(key, image, *parameters)
    corrupted = jax.vmap(apply)(jax.random.split(key, len(images)), images)
    return jnp.clip(corrupted, 0.0, 1.0)
