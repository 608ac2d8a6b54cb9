"""Expert trajectories: the parameters of networks at each epoch of their training."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from dd_jax.drive import Diverged, digest
from dd_jax.parallel import best_chunk
from dd_jax.train.fit import FitState, Trainer
from dd_jax.train.many import Loop, Schedule, train_on_rows
from dd_jax.types import Array, Split


def expert_paths(
    trainer: Trainer,
    keys: Array,
    data: Split,
    rows: np.ndarray,
    lr: float,
    epochs: int,
    loop: Callable[[str], Loop],
    folder: str | Path,
) -> np.ndarray:
    """Trains experts and keeps their parameters after 0, 1, ..., `epochs` epochs.

    They are written as they come to a half-precision file that is mapped into memory,
    of `2 e (epochs + 1) p` bytes. On CPU the experts are trained one after another, so
    that a kill loses no finished one; elsewhere at once.

    Cazenavette et al. (2022), section 3.1: plain gradient descent at a constant step
    size, with augmentation.

    Args:
      trainer: the recipe; its step size has to be constant over `epochs`.
      keys: `key[e]`.
      data: the real rows.
      rows: `i32[m]`, those to learn from.
      lr: step size.
      epochs: how long a path is.
      loop: `label -> Loop`, drives the training of each group of experts.
      folder: where the file goes; its name tells keys and rows apart.

    Returns:
      `f16[e epochs+1 p]`, p parameters in the order of `ravel_pytree`.

    Raises:
      Diverged: a parameter that half precision cannot hold.
    """
    params = jax.eval_shape(trainer.init, keys[0]).params["params"]
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    shape = len(keys), epochs + 1, size
    path = Path(folder) / f"{digest((jax.random.key_data(keys), rows))}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "r+" if path.exists() else "w+"
    kept = np.lib.format.open_memmap(path, mode, np.float16, shape)
    flat = jax.jit(jax.vmap(lambda params: ravel_pytree(params)[0]))

    def watch(first: int):
        def keep(state: FitState, epoch: int) -> None:
            vectors = np.asarray(flat(state.params["params"]), np.float16)
            if not np.isfinite(vectors).all():
                raise Diverged(
                    f"an expert's parameters are beyond half precision after {epoch} "
                    f"epochs at step size {lr:g}"
                )
            kept[first : first + len(vectors), epoch] = vectors
            kept.flush()

        return keep

    group = 1 if best_chunk() is None else len(keys)
    for first in range(0, len(keys), group):
        chosen = keys[first : first + group]
        train_on_rows(
            trainer,
            chosen,
            data,
            np.tile(rows, (len(chosen), 1)),
            lr,
            Schedule(epochs, 1),
            loop(f"experts {first + 1} to {first + len(chosen)} of {len(keys)}"),
            watch(first),
        )
    return np.load(path, mmap_mode="r")
