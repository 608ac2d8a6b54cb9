"""Many networks trained at once, each on its own synthetic set or rows."""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.runtime.advance import Advance
from dd_jax.runtime.loop import LoopResult, run_loop
from dd_jax.runtime.parallel import everywhere, map_models
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import FitState, Trainer
from dd_jax.types import Array, Params, Split, SyntheticSet

Loop = Callable[..., LoopResult]  # `run_loop` with its folder and label already given


class Schedule(NamedTuple):
    """Steps or epochs in total, and in one compiled call."""

    total: int
    per_call: int


@reused
def _on_sets(trainer: Trainer):
    def one(shared, key, state, images, labels, lr, views):
        rows = jnp.arange(len(images))
        given = key, state, images, labels, rows, lr
        return trainer.advance(*given, *shared, views=views)

    return map_models(one, donate=(2,), splits=trainer.splits)


@reused
def _on_rows(trainer: Trainer):
    def one(shared, key, state, rows, lr):
        images, labels, *epochs = shared
        return trainer.advance(key, state, images, labels, rows, lr, *epochs)

    return map_models(one, donate=(2,), splits=trainer.splits)


@reused
def _starter(trainer: Trainer):
    return map_models(lambda shared, key: trainer.init(key))


def _watched(advance: Callable, watch: Callable) -> Callable:
    def watched(state, first, last):
        if first == 0:
            watch(state, 0)
        state, info = advance(state, first, last)
        watch(state, last)
        return state, info

    return watched


def _train(
    trainer, keys, program, fixed, each, schedule, loop, inputs, watch=None
) -> Params:
    split = jax.vmap(jax.random.split)(keys)
    state = _starter(trainer)(None, split[:, 0])
    advance = Advance(program, (*fixed, schedule.total), split[:, 1], each)
    result = loop(
        _watched(advance, watch) if watch else advance,
        state,
        total=schedule.total,
        per_call=schedule.per_call,
        inputs=(jax.random.key_data(keys), inputs),
    )
    return result.state.params


def train_on_sets(
    trainer: Trainer,
    keys: Array,
    sets: SyntheticSet,
    schedule: Schedule,
    loop: Loop = run_loop,
) -> Params:
    """Trains s networks, each on its own synthetic set.

    Args:
      trainer: the recipe.
      keys: `key[s]`.
      sets: synthetic sets with a leading axis s.
      schedule: epochs.
      loop: drives the compiled epochs.

    Returns:
      Parameters with a leading axis s.
    """
    chex.assert_rank([sets.images, sets.labels, sets.lr], [5, 3, 1])
    each = sets.images, sets.labels, sets.lr, sets.views
    return _train(trainer, keys, _on_sets(trainer), (), each, schedule, loop, sets)


def train_on_rows(
    trainer: Trainer,
    keys: Array,
    data: Split,
    rows: Array | None,
    lr: float,
    schedule: Schedule,
    loop: Loop = run_loop,
    watch: Callable[[FitState, int], None] | None = None,
) -> Params:
    """Trains s networks, each on its own rows of the real data.

    Args:
      trainer: the recipe.
      keys: `key[s]`.
      data: the real rows, their labels classes or probabilities `f32[n k]`.
      rows: `i32[s m]`; None for all rows of each network.
      lr: learning rate.
      schedule: epochs.
      loop: drives the compiled epochs.
      watch: shown the states, with a leading axis s, and the epoch that they have
        reached: at the start and after each call.

    Returns:
      Parameters with a leading axis s.
    """
    if rows is None:
        rows = np.tile(np.arange(len(data.labels)), (len(keys), 1))
    chex.assert_rank([data.images, data.labels, rows], [4, {1, 2}, 2])
    labels = data.labels
    if labels.ndim == 1:
        labels = jax.nn.one_hot(labels, int(labels.max()) + 1)
    images, labels = everywhere((jnp.asarray(data.images), labels))
    rates = jnp.full(len(keys), lr, jnp.float32)
    program, each = _on_rows(trainer), (jnp.asarray(rows), rates)
    return _train(
        *(trainer, keys, program, (images, labels), each),
        *(schedule, loop, rows, watch),
    )
