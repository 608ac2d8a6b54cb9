"""Pipelines: from rows of the real data to trained networks."""

import jax
import numpy as np

from dd_jax.distill.base import Method
from dd_jax.distill.batched.batched_method import BatchedMethod
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.precomputed import TrainExperts
from dd_jax.distill.teacher_labels import Teacher
from dd_jax.runtime.loop import run_loop
from dd_jax.runtime.stacked import repeated, row
from dd_jax.train.many import Loop, Schedule, train_on_rows, train_on_sets
from dd_jax.train.training import Trainer
from dd_jax.types import Pipeline, Split, Trained


def distil_then_train(
    method: Method,
    trainer: Trainer,
    data: Split,
    steps: Schedule,
    epochs: Schedule,
    loops: tuple[Loop, Loop] = (run_loop, run_loop),
    experts: TrainExperts | None = None,
    *,
    batched: BatchedMethod | None = None,
    teacher: Teacher | None = None,
) -> Pipeline:
    """The pipeline that distils its rows and trains on the result.

    Selection methods, the random subset among them, make pipelines in the same way.

    Args:
      method: the distillation or selection method.
      trainer: the training recipe.
      data: the real rows, n of them.
      steps: of distillation.
      epochs: of training.
      loops: drive the compiled steps of distillation and of training.
      experts: see `distil_many`.
      batched: see `distil_many`.
      teacher: see `distil_many`.
    """

    def sets_of(keys, member, initial=None):
        return distil_many(
            method,
            keys,
            data,
            member,
            steps,
            loops[0],
            experts,
            initial=initial,
            batched=batched,
            teacher=teacher,
        )[0]

    def networks(keys, sets):
        return Trained(train_on_sets(trainer, keys, sets, epochs, loops[1]))

    def many(keys, member, initial=None):
        split = jax.vmap(jax.random.split)(keys)
        sets = sets_of(split[:, 0], member, initial)
        return sets, networks(split[:, 1], sets)

    def distil(key, idx):
        member = np.zeros((1, len(data.labels)), bool)
        member[0, idx] = True
        return row(sets_of(key[None], member), 0)

    network = lambda key, one: row(networks(key[None], repeated(one, 1)), 0)
    return Pipeline(distil, network, many)


def train_on_data(
    trainer: Trainer, data: Split, lr: float, epochs: Schedule, loop: Loop = run_loop
) -> Pipeline:
    """The pipeline that trains on the real rows themselves.

    Args:
      trainer: the training recipe.
      data: the real rows, n of them.
      lr: learning rate.
      epochs: of training.
      loop: drives training.
    """

    def networks(keys, rows):
        return Trained(train_on_rows(trainer, keys, data, rows, lr, epochs, loop))

    def many(keys, member):
        rows = np.stack([np.flatnonzero(row) for row in member])
        return None, networks(keys, rows)

    network = lambda key, idx: row(networks(key[None], idx[None]), 0)
    return Pipeline(None, network, many)
