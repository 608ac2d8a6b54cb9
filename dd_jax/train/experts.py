"""Expert trajectories: the parameters of networks at epochs of their training."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from dd_jax.drive import Diverged, digest
from dd_jax.parallel import best_chunk, devices_in_use
from dd_jax.train.fit import FitState, Trainer
from dd_jax.train.many import Loop, Schedule, train_on_rows
from dd_jax.types import Array, Split


def expert_paths(
    trainer: Trainer,
    keys: Array,
    data: Split,
    rows: np.ndarray,
    lr: float,
    epochs: Sequence[int],
    loop: Callable[[str, Path], Loop],
    folder: str | Path,
) -> np.ndarray:
    """Trains experts and keeps their parameters after some epochs.

    They are written as they come to a half-precision file that is mapped into memory,
    of `2 e t p` bytes. On CPU each device trains one expert after another, so that a
    kill loses no finished one; elsewhere all are trained at once. Where the file is
    lost or cut, they are trained again.

    Cazenavette et al. (2022), section 3.1: plain gradient descent at a constant step
    size, with augmentation.

    Args:
      trainer: the recipe; its step size has to be constant.
      keys: `key[e]`.
      data: the real rows.
      rows: `i32[m]`, those to learn from.
      lr: step size.
      epochs: t epochs in ascending order; experts train to the last of them.
      loop: `(label, folder) -> Loop`, drives the training of each group of experts.
      folder: where the file goes; its name tells keys and rows apart.

    Returns:
      `f16[e t p]`, p parameters in the order of `ravel_pytree`.

    Raises:
      Diverged: a parameter that half precision cannot hold.
    """
    params = jax.eval_shape(trainer.init, keys[0]).params["params"]
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    place = Path(folder) / digest((jax.random.key_data(keys), rows))
    kept = _paths_file(place, (len(keys), len(epochs), size))
    place_of = {epoch: i for i, epoch in enumerate(epochs)}
    flat = jax.jit(jax.vmap(lambda params: ravel_pytree(params)[0]))

    def watch(first: int):
        def keep(state: FitState, epoch: int) -> None:
            if epoch not in place_of:
                return
            vectors = np.asarray(flat(state.params["params"]), np.float16)
            if not np.isfinite(vectors).all():
                raise Diverged(
                    f"an expert's parameters are beyond half precision after {epoch} "
                    f"epochs at step size {lr:g}"
                )
            kept[first : first + len(vectors), place_of[epoch]] = vectors
            kept.flush()

        return keep

    group = len(devices_in_use()) if best_chunk() is None else len(keys)
    for first in range(0, len(keys), group):
        chosen = keys[first : first + group]
        train_on_rows(
            trainer,
            chosen,
            data,
            np.tile(rows, (len(chosen), 1)),
            lr,
            Schedule(epochs[-1], 1),
            loop(f"experts {first + 1} to {first + len(chosen)} of {len(keys)}", place),
            watch(first),
        )
    return np.load(kept.filename, mmap_mode="r")


def _paths_file(place: Path, shape: tuple[int, ...]) -> np.memmap:
    """The file beside the folder `place` where training keeps its states.

    States say which epochs are in the file: without a whole one they are worth nothing.
    """
    path = place.with_suffix(".npy")
    try:
        found = np.load(path, mmap_mode="r")  # "r+" would fill up a file that is cut
        if (found.shape, found.dtype) == (shape, np.float16):
            return np.load(path, mmap_mode="r+")
    except (OSError, EOFError, ValueError):
        pass
    shutil.rmtree(place, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return np.lib.format.open_memmap(path, "w+", np.float16, shape)
