"""Common corruptions: accuracy on noisy, blurred, weathered and compressed images."""

from collections.abc import Callable, Mapping
from functools import partial
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.corruptions import blur, digital, weather
from dd_jax.audits.corruptions import sensor_noise as noise
from dd_jax.runtime.keys import named
from dd_jax.train import predictions
from dd_jax.types import Array, InputError, Key, Model, Params

SEVERITIES = 5
REFERENCE = "full_data"


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
SEEN = ("clean", *CORRUPTIONS)


def corrupt(key: Key, name: str, images: Array, severity: int | Array) -> Array:
    """Corrupts images; the severity is traced, so that all five share a program.

    Lengths are in pixels of a 32-pixel image and grow with larger ones.

    Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to
    common corruptions and perturbations", in the variant of CIFAR-10-C. Differs from
    the released code in: any size and 1 or 3 channels; frost is procedural in place of
    photographs; motion blur samples bilinearly; glass blur copies neighbours, of all
    pixels and all at once (as the released swap of NumPy views does in effect, but for
    the first two rows and columns); borders are mirrored throughout; elastic resamples
    once, not twice, and its blur ends at 0.6 of the side; nothing is rounded to 8 bits
    but in JPEG.

    Args:
      key: typed PRNG key; each image has a draw of its own.
      name: a key of `CORRUPTIONS`.
      images: `f32[n h w c]` in [0, 1].
      severity: 1 (mild) to 5.

    Returns:
      `f32[n h w c]` in [0, 1].

    Raises:
      InputError: no such corruption, or a severity outside 1 to 5.
    """
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


def corruption_accuracy(
    key: Key,
    model: Model,
    networks: Mapping[str, Params],
    name: str,
    images: Array,
    labels: Array,
) -> dict[str, np.ndarray]:
    """Accuracy of several pipelines' networks on the same corrupted images.

    Args:
      key: typed PRNG key, from which each corruption has one of its own.
      model: the networks' architecture.
      networks: pipeline -> parameters, each leaf with a leading axis s.
      name: of `SEEN`: a corruption, or `clean` for the images as they are.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.

    Returns:
      pipeline -> `f64[s 5]`, by severity; `f64[s 1]` on clean images.

    Raises:
      InputError: no such corruption.
    """
    if name == "clean":
        seen = [jnp.asarray(images)]
    else:
        keys = jax.random.split(named(key, name), SEVERITIES)
        seen = [corrupt(k, name, images, i + 1) for i, k in enumerate(keys)]
    right = lambda params, s: (predictions(model, params, s) == labels).mean(1)
    return {
        pipe: np.stack([right(params, s) for s in seen], 1)
        for pipe, params in networks.items()
    }


def mean_corruption_error(
    accuracy: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """Errors over severities in units of the reference's: `mean_c E_c / E_c^ref`.

    `E_c` is the error on corruption c summed over severities. Corruptions on which the
    reference makes no error are left out. It says nothing of clean accuracy: a network
    that errs twice as often throughout has 2.

    Source: Hendrycks and Dietterich 2019, section 4.2. Differs from it in: the
    reference is a network trained on the full data, not AlexNet.

    Args:
      accuracy: corruption -> `f64[s 5]`, of s networks.
      reference: corruption -> `f64[r 5]`, of r networks, whose errors are averaged.

    Returns:
      `f64[s]`, 1 for a network as good as the reference; None where the reference
      makes no error at all.

    >>> half, quarter = np.full((1, 5), 0.5), np.full((1, 5), 0.75)
    >>> mean_corruption_error({"fog": half}, {"fog": quarter})
    array([2.])
    """
    ratios = [
        (1 - accuracy[name]).sum(1) / (1 - reference[name]).mean(0).sum()
        for name in CORRUPTIONS
        if name in reference and (reference[name] < 1).any()
    ]
    return np.mean(ratios, 0) if ratios else None


def record(
    accuracy: Mapping[str, Mapping[str, np.ndarray]],
    images: int,
    summarise: Callable[[str, np.ndarray], dict],
) -> dict:
    """The `corruptions` part of a Record.

    Args:
      accuracy: pipeline -> name of `SEEN` -> what `corruption_accuracy` gives.
      images: how many were corrupted.
      summarise: `(pipeline, f64[s]) -> {mean, ci, n}`.

    Returns:
      `{PIPE: {clean: [estimate], NAME: [estimate of each severity]}, mce: {PIPE:
      estimate or None}, images}`; `mce` is relative to the full data.
    """
    part: dict = {
        pipe: {
            name: [summarise(pipe, column) for column in values.T]
            for name, values in rows.items()
        }
        for pipe, rows in accuracy.items()
    }
    errors = {
        pipe: mean_corruption_error(rows, accuracy[REFERENCE])
        for pipe, rows in accuracy.items()
    }
    mce = {p: None if e is None else summarise(p, e) for p, e in errors.items()}
    return part | {"mce": mce, "images": images}
