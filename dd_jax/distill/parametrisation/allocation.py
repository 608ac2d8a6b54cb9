"""More stored images for some classes than for others."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from dd_jax.distill.base import Real
from dd_jax.distill.parametrisation.protocol import Parametrisation, Theta
from dd_jax.types import InputError, Key, SyntheticSet


def by_need(errors: ArrayLike, images: int) -> tuple[int, ...]:
    """Images of each class in proportion to its error, at least one each.

    `n_c = 1 + (images - k) e_c / sum_c e_c`, rounded by largest remainders.

    Args:
      errors: `f64[k]`, not negative, such as the error rates of networks on rows that
        are held out; all 0 counts as all equal.
      images: of all classes together.

    Raises:
      InputError: fewer images than classes, or an error that is no number from 0 up.

    >>> by_need([0.1, 0.1, 0.2], 11)
    (3, 3, 5)
    """
    errors = np.asarray(errors, np.float64)
    if images < len(errors):
        raise InputError(f"{images} images for {len(errors)} classes; give one each")
    if not (np.isfinite(errors) & (errors >= 0)).all():
        raise InputError(f"errors {errors.tolist()} of classes; give numbers from 0 up")
    needs = errors if errors.any() else np.ones(len(errors))
    more = (images - len(needs)) * needs / needs.sum()
    counts = 1 + np.floor(more).astype(int)
    left = images - counts.sum()
    counts[np.argsort(np.floor(more) - more, kind="stable")[:left]] += 1
    return tuple(counts.tolist())


def allocated(base: Parametrisation, allocation: Sequence[int]) -> Parametrisation:
    """Gives class c `allocation[c]` images.

    Methods see as many of each class, `max(allocation)`: those of a class that has
    fewer take turns, and what they descend on adds up. The set has each once.

    Args:
      base: stores `max(allocation)` images of each class.
      allocation: images of each class, each at least 1.

    Raises:
      InputError: a class without images.
    """
    if min(allocation) < 1:
        raise InputError("distill.allocation: a class has none; give each 1 or more")
    most = max(allocation)
    places = np.arange(most) % np.array(allocation)[:, None]
    kept = (np.arange(most) < np.array(allocation)[:, None]).ravel()

    def start(key: Key, real: Real) -> Theta:
        if len(real.counts) != len(allocation):
            raise InputError(
                f"distill.allocation has {len(allocation)} classes; "
                f"the data {len(real.counts)}"
            )
        return base.init(key, real)

    def decode(params: Theta) -> SyntheticSet:
        decoded = base.decode(params)
        in_turn = lambda a: a[jnp.arange(len(a))[:, None], places]
        return decoded._replace(
            images=in_turn(decoded.images), labels=in_turn(decoded.labels)
        )

    return base._replace(init=start, decode=decode, kept=np.flatnonzero(kept))
