"""The only door from private rows to what is published: noise leaves with each sum."""

import math

import jax
import numpy as np

from dd_jax.train.private.accounting import Gaussians, epsilon_of
from dd_jax.train.private.gaussian_noise import gaussian
from dd_jax.types import Array, InputError, Key


class Ledger:
    """Writes down every statistic that leaves the private rows, with its noise.

    What is computed from a released statistic costs nothing further (post-processing);
    a statistic that is to have other noise has to be released again.
    """

    def __init__(self) -> None:
        self.entries: list[Gaussians] = []
        self._keys: set[tuple[int, ...]] = set()

    def release(
        self,
        key: Key,
        total: Array,
        *,
        sensitivity: float,
        noise_multiplier: float,
        sampling: float = 1.0,
    ) -> Array:
        """A sum over private rows with Gaussian noise, `total + s C N(0, I)`.

        Args:
          key: of the noise; a new one each time.
          total: `f32[...]`, a sum over rows.
          sensitivity: C, the most that one row can add, in L2 norm over all of it.
          noise_multiplier: s.
          sampling: probability with which each row was in the sum, on its own.

        Returns:
          `f32[...]`.

        Raises:
          InputError: a key that has been used, a value out of range, or a total that is
            not finite.

        Dwork and Roth (2014), "The algorithmic foundations of differential privacy",
        appendix A: the Gaussian mechanism.
        """
        words = tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())
        if words in self._keys:
            raise InputError("release: this key has drawn noise before; give a new one")
        for name, value in {
            "sensitivity": sensitivity,
            "noise_multiplier": noise_multiplier,
        }.items():
            if not 0 < value < math.inf:
                raise InputError(f"release: {name} is {value}; need a number above 0")
        if not 0 < sampling <= 1:
            raise InputError(f"release: sampling is {sampling}; need one in (0, 1]")
        if not np.isfinite(total).all():
            raise InputError("release: the statistic is not finite")
        self._keys.add(words)
        self.entries.append(Gaussians(1, noise_multiplier, sampling))
        noise = gaussian(key, total.shape)
        return total + noise_multiplier * sensitivity * noise

    def epsilon(self, delta: float) -> float:
        """What all entries together cost at a delta, see `accounting.epsilon_of`."""
        return epsilon_of(composed(self.entries), delta)


def composed(entries: list[Gaussians]) -> list[Gaussians]:
    """Entries of the same kind counted together.

    >>> composed([Gaussians(1, 2.0), Gaussians(1, 2.0), Gaussians(3, 1.0)])[0].count
    2
    """
    counts: dict[tuple[float, float], int] = {}
    for count, *kind in entries:
        counts[tuple(kind)] = counts.get(tuple(kind), 0) + count
    return [Gaussians(count, *kind) for kind, count in counts.items()]
