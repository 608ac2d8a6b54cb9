"""Before runs are planned: advice on their data, and how fast this machine is."""

import time
from pathlib import Path

import jax
import jax.numpy as jnp

from dd_jax.run.audit_context import say_advice
from dd_jax.run.context import Prepared, start
from dd_jax.system import workdir

_LEAST = 1.0  # seconds of the last timed call
_BATCHES = 2  # of an epoch


def look_at_data(waiting: Prepared, root: Path) -> None:
    """Prints what audits say of the data of a run that may not be made.

    Args:
      waiting: a prepared run.
      root: the work directory, in which nothing is written.
    """
    folder = workdir.run_folder(root, waiting.id)
    say_advice(start(waiting, folder, root / "cache"), keep=False)


def seconds_a_pass(waiting: Prepared) -> tuple[float, float]:
    """Times the training of a run's network on a few batches of its own images.

    Args:
      waiting: a prepared run.

    Returns:
      Seconds of a pass (see `stage_passes`), augmentation included, and seconds that
      compiling took.
    """
    run = start(waiting, Path(), Path())
    data, recipe = run.dataset.train, run.trainer
    rows = min(_BATCHES * run.config.train.batch, len(data.labels))
    images = jnp.asarray(data.images[:rows])
    labels = jnp.eye(len(run.dataset.class_names))[jnp.asarray(data.labels[:rows])]
    key, of_all = jax.random.key(0), jnp.arange(rows)
    advance, state = jax.jit(recipe.advance), recipe.init(key)

    def seconds(epochs: int) -> float:
        begin = time.perf_counter()
        inputs = images, labels, of_all, run.config.train.lr, epochs, 0, epochs
        jax.block_until_ready(advance(key, state, *inputs))
        return time.perf_counter() - begin

    first, count = seconds(1), 1
    while (spent := seconds(count)) < _LEAST:
        count *= 2
    return spent / (count * rows), max(0.0, first - spent / count)
