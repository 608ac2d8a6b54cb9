"""What a set loses by export: clipped to [0, 1], in 8 bits, and trained on again."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from dd_jax.distill.io.png_folder import encoding, quantise
from dd_jax.run import stages as compose
from dd_jax.run.context import Parts
from dd_jax.train import predictions
from dd_jax.types import SyntheticSet


def measure(
    parts: Parts, sets: SyntheticSet, predicted: np.ndarray, summarise: Callable
) -> dict:
    """Accuracy of networks trained on the sets as PNG files would hold them.

    They start and learn from the keys of the networks on the sets themselves, by the
    same recipe, so that the difference is that of the images alone.

    Args:
      parts: of the run.
      sets: the run's sets, with a leading axis.
      predicted: classes `i64[networks n]` by the networks on the sets themselves, which
        stand where export changes nothing.
      summarise: `f64[networks] -> {mean, ci, n}`.

    Returns:
      `{accuracy, bits, clipped, largest_change}`, see `png_folder.encoding`.
    """
    exported = quantise(sets.images) / np.float32(255)
    if not np.array_equal(exported, sets.images):
        clipped = sets._replace(images=jnp.asarray(exported))
        networks = compose.networks_on_sets(parts, clipped, "export")
        predicted = predictions(parts.model, networks, parts.judged.images)
    accuracy = (predicted == parts.judged.labels).mean(1)
    return {"accuracy": summarise(accuracy)} | encoding(sets.images)
