"""Where synthetic images start from, in the space that they are learned in.

Each is `(key, real, ipc, enter) -> f32[k ipc h w c]`; `enter` takes pixels in [0, 1] to
the space of learning.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from dd_jax.data import choosers
from dd_jax.distill.base import Real, draw_rows
from dd_jax.distill.methods.selection import choose
from dd_jax.types import Array, InputError, Key, Space

Enter = Callable[[np.ndarray], Array]


def noise(key: Key, real: Real, ipc: int, enter: Enter) -> Array:
    """Standard normal values in the space of learning; of pixels see `in_pixels`."""
    del enter
    return jax.random.normal(key, (len(real.counts), ipc, *real.images.shape[1:]))


def in_pixels(init: str | Callable, space: Space) -> str | Callable:
    """An initialisation of images that are learned as pixels: noise is that of a space.

    Standard normal values would be far from what images are like, and half of them 0
    once they are clipped.

    Args:
      init: a name in the catalogue, or a function.
      space: where noise is standard normal, such as `model.space`.
    """
    in_space = lambda *given: space.leave(noise(*given))
    return in_space if init in ("noise", noise) else init


def chosen(
    chooser: choosers.Chooser, key: Key, real: Real, ipc: int, enter: Enter
) -> Array:
    """Real images that a selection takes of each class, repeated where it has fewer."""
    rows_of = lambda classes, most: choose(key, classes, chooser, most)
    return _repeated(rows_of, real, ipc, enter)


def balanced(key: Key, real: Real, ipc: int, enter: Enter) -> Array:
    """Random real images of each class, of each of its groups as many as there are.

    Groups of a class take turns in a random order; a group that has no further image
    is passed over. A class with fewer images than `ipc` repeats them.

    Raises:
      InputError: data without groups.
    """
    if real.groups is None:
        raise InputError("distill.init=balanced: the data have no groups; take real")
    grouped = real._replace(strata=real.groups)
    return _repeated(lambda of, most: draw_rows(key, of, most)[0], grouped, ipc, enter)


def _repeated(
    rows_of: Callable[[Real, int], ArrayLike], real: Real, ipc: int, enter: Enter
) -> Array:
    """Images of `rows_of(real, most) -> i64[k most]`, from the first again up to `ipc`.

    Each class has as many different ones as it has images, up to `ipc`.
    """
    most = np.minimum(real.counts, ipc)
    rows = np.empty((len(most), ipc), int)
    for count in np.unique(most):
        own = most == count
        classes = real._replace(rows=real.rows[own], counts=real.counts[own])
        chosen = np.asarray(rows_of(classes, int(count)))
        rows[own] = chosen[:, np.arange(ipc) % count]
    return jnp.asarray(enter(np.asarray(real.images)[rows].astype(np.float32) / 255))


real = partial(chosen, choosers.random)
kmeans = partial(chosen, choosers.kmeans)
kcenter = partial(chosen, choosers.kcenter)
herding = partial(chosen, choosers.herding)
