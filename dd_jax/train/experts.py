"""Expert trajectories: the parameters of networks at epochs of their training."""

import hashlib
import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from dd_jax.runtime.devices import all_devices
from dd_jax.runtime.loop import Diverged, array_digest
from dd_jax.runtime.sent import file_of_first
from dd_jax.system import disk, locks
from dd_jax.train.many import Loop, Schedule, train_on_rows
from dd_jax.train.training import FitState, Trainer
from dd_jax.types import Array, InputError, Split


def expert_paths(
    trainer: Trainer,
    keys: Array,
    data: Split,
    rows: np.ndarray,
    lr: float,
    epochs: Sequence[int],
    loop: Callable[[str, Path], Loop],
    folder: str | Path,
    whole: bool = False,
) -> np.ndarray:
    """Trains experts and keeps their parameters after some epochs.

    They are written as they come to a half-precision file that is mapped into memory,
    of `2 e t p` bytes. Each device trains one expert after another: a kill loses no
    finished one, and ten at once take twice as long on an H100. States of their
    training are saved with a digest of their part of the file: experts whose part is
    lost or damaged are trained again. Other processes wait meanwhile.

    Cazenavette et al. (2022), section 3.1: plain gradient descent at a constant
    learning rate, with augmentation.

    Args:
      trainer: the recipe; its learning rate has to be constant.
      keys: `key[e]`.
      data: the real rows.
      rows: `i32[m]`, those to learn from.
      lr: learning rate.
      epochs: t epochs in ascending order; experts train to the last of them.
      loop: `(label, folder) -> Loop`, drives the training of each group of experts.
      folder: where the file goes; its name tells keys and rows apart.
      whole: whether batch statistics are kept as well, with which a network predicts.

    Returns:
      `f16[e t p]`, p parameters in the order of `ravel_pytree`.

    Raises:
      InputError: no epoch to train.
      Diverged: a parameter that half precision cannot hold.
    """
    if epochs[-1] < 1:
        raise InputError("experts: no epoch to train; give at least 1 of them")
    of = (lambda params: params) if whole else trainer.trainable
    flat = lambda params: ravel_pytree(of(params))[0]
    size = jax.eval_shape(lambda key: flat(trainer.init(key).params), keys[0]).size
    place = Path(folder) / array_digest((jax.random.key_data(keys), rows))
    path = place.with_suffix(".npy")
    with locks.locked(path):
        kept = _paths_file(path, (len(keys), len(epochs), size))
        _train(trainer, keys, data, rows, lr, epochs, loop, place, kept, flat)
        file_of_first(path)  # of a resumed run, others lack its beginning
    return np.load(path, mmap_mode="r")


def _train(trainer, keys, data, rows, lr, epochs, loop, place, kept, flat) -> None:
    """Trains groups of experts, each with its states in a folder below `place`."""
    flat = jax.jit(jax.vmap(flat))

    def watch(part: _Part):
        def keep(state: FitState, epoch: int) -> None:
            if epoch not in epochs:
                return
            vectors = np.asarray(flat(state.params), np.float16)
            if not np.isfinite(vectors).all():
                raise Diverged(
                    f"an expert's parameters are beyond half precision after {epoch} "
                    f"epochs at learning rate {lr:g}"
                )
            part.put(epoch, vectors)

        return keep

    group = len(all_devices())
    for first in range(0, len(keys), group):
        chosen = keys[first : first + group]
        part = _Part(kept[first : first + group], epochs)
        label = f"experts {first + 1} to {first + len(chosen)} of {len(keys)}"
        train_on_rows(
            trainer,
            chosen,
            data,
            np.tile(rows, (len(chosen), 1)),
            lr,
            Schedule(epochs[-1], 1),
            partial(loop(label, place), written=part.digest),
            watch(part),
        )


class _Part:
    """The part of the file that a group of experts writes, `f16[e t p]`."""

    def __init__(self, paths: np.ndarray, epochs: Sequence[int]):
        self._paths, self._epochs = paths, epochs
        self._hashed, self._count = hashlib.sha256(), 0

    def put(self, epoch: int, vectors: np.ndarray) -> None:
        """Writes the parameters `f16[e p]` after an epoch."""
        place = bisect_left(self._epochs, epoch)
        self._paths[:, place] = vectors
        if place < self._count:
            self._hashed, self._count = hashlib.sha256(), 0

    def digest(self, epoch: int) -> str:
        """Of what is written up to an epoch; each byte is hashed once on the way."""
        count = bisect_right(self._epochs, epoch)
        if count < self._count:
            self._hashed, self._count = hashlib.sha256(), 0
        for place in range(self._count, count):
            self._hashed.update(np.ascontiguousarray(self._paths[:, place]).data)
        self._count = count
        return self._hashed.hexdigest()


def _paths_file(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """The file that the paths are written to; a new one where it is damaged."""
    try:
        found = np.load(path, mmap_mode="r")  # "r+" would fill up a file that is cut
        whole = (found.shape, found.dtype) == (shape, np.float16)
    except (MemoryError, PermissionError):
        raise
    except Exception:  # a damaged header can raise anything
        whole = False
    if not whole:
        path.unlink(missing_ok=True)  # who reads it goes on with the file that it was
    with disk.writing(path, 2 * math.prod(shape)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not whole:
            np.lib.format.open_memmap(path, "w+", np.float16, shape)
        with path.open("r+b") as file:  # to a full disk no map could be written
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return np.lib.format.open_memmap(path, "r+")
