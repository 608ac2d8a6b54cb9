"""Noisy class means in random feature spaces, each released once."""

import math

import jax
import numpy as np

from dd_jax.distill.base import Releases
from dd_jax.distill.private.public_features import Augment, public_features
from dd_jax.runtime.keys import named
from dd_jax.runtime.reuse import reused
from dd_jax.train.private.clipping import clipped
from dd_jax.train.private.ledger import Ledger
from dd_jax.train.private.poisson import taking_part
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, Key, Model, Split

_AT_ONCE = 4096  # most images whose features are alive at once


def noisy_means(
    model: Model,
    wanted: Releases,
    number: int,
    key: Key,
    data: Split,
    classes: int,
    ledger: Ledger,
    augment: Augment,
) -> np.ndarray:
    """Class means of clipped features in one random network.

    `(sum_{i in c, i in B} clip(g_r(x_i)) + s C N(0, I)) / (q n_c)`, with features g_r
    as in `public_features`, where each row is
    in the batch B with probability q: the sums of all classes together change by at
    most C in L2 norm where one row contributes nothing, and by 2 C where it is another
    one of its class. The numbers of rows n_c are public.

    Args:
      model: the family of networks.
      wanted: C, s and q.
      number: of the network.
      key: of the batch and the noise.
      data: the private rows.
      classes: k.
      ledger: gets an entry.
      augment: see `public_features`.

    Returns:
      `f32[k d]`; of a class without rows noise alone.
    """
    counts = np.bincount(data.labels, minlength=classes)
    rows, most = batch_of(key, number, len(data.labels), wanted.sampling)
    batch = Split(data.images[rows], data.labels[rows])
    at_once = min(most, _AT_ONCE)
    sums = class_sums(model, number, batch, classes, wanted.clip, at_once, augment)
    noisy = noisy_sums(wanted, number, key, sums, ledger)
    return np.asarray(noisy / (wanted.sampling * np.maximum(counts, 1)[:, None]))


def batch_of(
    key: Key, number: int, rows: int, sampling: float
) -> tuple[np.ndarray, int]:
    """The rows that take part in one release, and a size that few batches exceed.

    Args:
      key: of all releases; who knows it knows the batch.
      number: of the release.
      rows: n.
      sampling: q; each row takes part with this probability, on its own.

    Returns:
      `i64[m]`, and `q n` with four standard deviations above it.
    """
    if sampling == 1:
        return np.arange(rows), rows
    drawn = taking_part(named(key, f"batch {number}"), rows, sampling)
    expected = sampling * rows
    return np.flatnonzero(drawn), math.ceil(expected + 4 * math.sqrt(expected))


def noisy_sums(
    wanted: Releases, number: int, key: Key, sums: Array, ledger: Ledger
) -> Array:
    """Sums with the noise of one release; see `noisy_means`."""
    return ledger.release(
        named(key, f"release {number}"),
        sums,
        sensitivity=wanted.clip,
        noise_multiplier=wanted.noise_multiplier,
        sampling=wanted.sampling,
    )


def class_sums(
    model: Model,
    number: int,
    data: Split,
    classes: int,
    clip: float,
    at_once: int,
    augment: Augment,
) -> Array:
    """Sums of the clipped features of each class in one random network.

    Args:
      model: the family of networks.
      number: of the network.
      data: the rows.
      classes: k.
      clip: largest L2 norm of the features of a row.
      at_once: rows in each call of one compiled program.
      augment: see `public_features`.

    Returns:
      `f32[k d]`.
    """
    program, total = _sums(model, clip, augment), 0.0
    for first in range(0, max(len(data.labels), 1), at_once):
        images, labels = (
            a[first : first + at_once] for a in (data.images, data.labels)
        )
        member = np.arange(classes)[:, None] == labels
        fill = at_once - len(labels)
        images = np.pad(images, [(0, fill)] + [(0, 0)] * 3)
        member = np.pad(member, [(0, 0), (0, fill)])
        total += program(number, images, member.astype(np.float32))
    return total


@reused
def _sums(model: Model, clip: float, augment: Augment):
    @jax.jit
    def sums(number, images, member):
        features = public_features(model, number, as_pixels(images), augment)
        return member @ clipped(features, clip)

    return sums
