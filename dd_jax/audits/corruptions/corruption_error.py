"""Accuracy on corrupted images, and the mean corruption error."""

from collections.abc import Callable, Mapping

import chex
import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.corruptions.common_corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    corrupt,
)
from dd_jax.runtime.keys import named
from dd_jax.train import predictions
from dd_jax.types import Array, Key, Model, Params

CONDITIONS = ("clean", *CORRUPTIONS)
REFERENCE = "full_data"


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
      key: typed PRNG key, from which each corruption derives its own.
      model: the networks' architecture.
      networks: pipeline -> parameters, each leaf with a leading axis s.
      name: of `CONDITIONS`: a corruption, or `clean` for unchanged images.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.

    Returns:
      pipeline -> `f64[s 5]`, by severity; `f64[s 1]` on clean images.

    Raises:
      InputError: no such corruption.
    """
    chex.assert_rank([images, labels], [4, 1])
    chex.assert_equal_shape_prefix([images, labels], 1)
    if name == "clean":
        batches = [jnp.asarray(images)]
    else:
        keys = jax.random.split(named(key, name), SEVERITIES)
        batches = [corrupt(k, name, images, i + 1) for i, k in enumerate(keys)]
    accuracy = lambda params, x: (predictions(model, params, x) == labels).mean(1)
    return {
        pipe: np.stack([accuracy(params, x) for x in batches], 1)
        for pipe, params in networks.items()
    }


def mean_corruption_error(
    accuracy: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]
) -> np.ndarray | None:
    """Mean corruption error relative to a reference: `mean_c E_c / E_c^ref`.

    `E_c` is the error rate on corruption c, summed over severities. Corruptions on
    which the reference makes no error are left out. It does not correct for clean
    error: a network with twice the error rate throughout has 2.

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
    chex.assert_rank([*accuracy.values(), *reference.values()], 2)
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
      accuracy: pipeline -> name of `CONDITIONS` -> that of `corruption_accuracy`.
      images: number of corrupted images.
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
