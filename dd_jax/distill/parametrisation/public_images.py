"""Initial images from another data set, of which no row is private."""

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.base import Real
from dd_jax.distill.parametrisation.initial_images import Enter
from dd_jax.types import Array, InputError, Key, Split


def public(
    key: Key,
    real: Real,
    ipc: int,
    enter: Enter,
    *,
    public: Split | None = None,
    classes: str = "free",
) -> Array:
    """Random images of a public data set, all of them different where it has enough.

    Args:
      key: of the draw.
      real: the private data.
      ipc: images a class.
      enter: pixels in [0, 1] to the space of learning.
      public: images `u8[m h w c]` of the shape of the private ones, and labels.
      classes: `free`, whatever their class: nothing of the private rows decides;
        `nearest`, those of the public class whose mean image has the least squared
        distance to that of the private class, which depends on its rows.

    Returns:
      `f32[k ipc h w c]`, in the space of learning.

    Raises:
      InputError: no public images, or, for `free`, fewer than are needed.

    Zhao and Zhang (2025), arXiv:2502.12976: initial images out of the distribution.
    """
    if public is None:
        raise InputError("distill.init=public: give public:SOURCE; in Python, public=")
    order = np.asarray(jax.random.permutation(key, len(public.images)))
    k = len(real.counts)
    if classes == "free":
        if len(order) < k * ipc:
            raise InputError(
                f"distill.init=public: the public source has {len(order)} images; "
                f"{k} classes of {ipc} need {k * ipc}"
            )
        rows = order[: k * ipc].reshape(k, ipc)
    else:
        rows = _of_nearest_classes(real, public, ipc, order)
    return jnp.asarray(enter(public.images[rows].astype(np.float32) / 255))


def _of_nearest_classes(
    real: Real, public: Split, ipc: int, order: np.ndarray
) -> np.ndarray:
    """Rows `i[k ipc]`; classes that have the same nearest one take turns."""
    images = np.asarray(real.images)
    own = [
        _mean(images[rows[:count]])
        for rows, count in zip(np.asarray(real.rows), np.asarray(real.counts))
    ]
    known = np.unique(public.labels)
    means = np.stack([_mean(public.images[public.labels == j]) for j in known])
    nearest = [known[np.square(means - mean).sum(1).argmin()] for mean in own]
    taken = dict.fromkeys(known, 0)
    rows = []
    for label in nearest:
        of_class = order[public.labels[order] == label]
        rows.append(np.take(of_class, taken[label] + np.arange(ipc), mode="wrap"))
        taken[label] += ipc
    return np.stack(rows)


def _mean(images: np.ndarray) -> np.ndarray:
    return images.mean(0, dtype=np.float64).ravel()
