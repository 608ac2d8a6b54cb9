"""The stages of a run: synthetic sets, networks on them, and baselines."""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.io import storage
from dd_jax.distill.teacher_labels import Teacher
from dd_jax.report import event_files
from dd_jax.run.cached import (
    cache_dir,
    distillation_steps,
    in_ten_calls,
    one_per_call,
    read_or_make,
    run_dir,
    stage_loop,
)
from dd_jax.run.context import RunContext, learns
from dd_jax.run.dp_sgd_baseline import networks_by_dp_sgd
from dd_jax.run.methods import experts_of, method_of
from dd_jax.run.own_backdoor import saving_trigger
from dd_jax.run.taught import teacher_of
from dd_jax.runtime.keys import stack
from dd_jax.runtime.loop_log import JsonLines, Log, Logs
from dd_jax.train.many import Loop, train_on_rows, train_on_sets
from dd_jax.types import (
    Array,
    Params,
    SyntheticSet,
)

_EARLY_NETS = 10  # as many as Paul et al. 2021 average EL2N over


def synthetic_sets(
    run: RunContext, steps: int | None = None
) -> tuple[SyntheticSet, float]:
    """The sets that the run is about, with a leading axis, and the seconds they took.

    With `steps`, the sets after that number of steps of the same distillation.
    """
    config = run.config
    if config.distill.load:
        loaded = storage.load(config.distill.load)
        arrays = loaded._replace(metadata=None)
        return jax.tree.map(lambda a: jnp.asarray(a)[None], arrays), 0.0
    loop = stage_loop(run, "distill", run_dir(run, "distil"), log=_log(run))
    sets, seconds = distilled(run, saving_trigger(run, loop), steps)
    if not learns(config):
        run.cost.count("distill", "selection", seconds)
    return sets, seconds


def distilled(
    run: RunContext, loop: Loop, steps: int | None = None
) -> tuple[SyntheticSet, float]:
    """Sets by the method and with the keys of a run, and the seconds that they took.

    Args:
      run: the run.
      loop: drives the steps.
      steps: default `distill.steps`.
    """
    config, data = run.config, run.dataset.train
    return distil_many(
        method_of(run, config.distill.method),
        stack(run.key("distil"), config.sets),
        data,
        np.ones((config.sets, len(data.labels)), bool),
        distillation_steps(run)._replace(total=steps or config.distill.steps),
        loop,
        experts_of(run, data),
        share_experts=True,
        teacher=teacher_of(run),
    )


def _log(run: RunContext) -> Log:
    rows = JsonLines(run.folder / "metrics.jsonl")
    live = run.config.report.tensorboard
    return Logs(rows, event_files.LiveLosses(run.folder)) if live else rows


def sets_by_step(
    run: RunContext, eval_steps: Sequence[int]
) -> tuple[SyntheticSet, dict[int, tuple[SyntheticSet, float]]]:
    """The run's sets, and those of earlier steps of the same distillation.

    The distillation continues from each of these steps to the next, so that they cost
    no further steps.

    Args:
      run: the run.
      eval_steps: before the last, in order.

    Returns:
      The sets, and `step -> (sets, seconds of distillation)`, the last step included;
      empty for a set made elsewhere and for a method that learns nothing.
    """
    learned = learns(run.config) and not run.config.distill.load
    found = {}
    for step in eval_steps if learned else ():
        path = run_dir(run, "eval_steps") / f"{step}.npz"
        kept = read_or_make(path, partial(_sets_and_seconds, run, step))
        found[step] = SyntheticSet(**kept["sets"]), kept["seconds"]
    sets, seconds = synthetic_sets(run)
    if learned:
        found[run.config.distill.steps] = sets, seconds
    return sets, found


def _sets_and_seconds(run: RunContext, step: int) -> dict:
    sets, seconds = synthetic_sets(run, step)
    return {"sets": sets._asdict(), "seconds": seconds}


def networks_on_sets(
    run: RunContext, sets: SyntheticSet, stage: str = "train"
) -> Params:
    """`train.nets` networks on each set; those of one set follow one another."""
    nets = run.config.train.nets
    sets = sets._replace(lr=_learning_rates(run, sets.lr))
    each = jax.tree.map(lambda a: jnp.repeat(a, nets, 0), sets)
    keys = stack(run.key("nets"), len(each.images))
    loop = stage_loop(run, stage, run_dir(run, "nets"))
    epochs = in_ten_calls(run.config.train.epochs)
    return train_on_sets(run.trainer, keys, each, epochs, loop)


def _learning_rates(run: RunContext, rates: Array) -> Array:
    """Those of the sets; a loaded set that learned none takes the run's `train.lr`."""
    path = run.config.distill.load
    if not path or storage.has_learned_lr(storage.load(path)):
        return rates
    return jnp.full_like(rates, run.config.train.lr)


def networks_on_subsets(
    run: RunContext,
    teacher: Teacher | None = None,
    epochs: int = 0,
    stage: str = "random_subset",
    trained_as: RunContext | None = None,
) -> Params:
    """`train.nets` networks, each on a random subset of its own, of the sets' size.

    Args:
      run: the run.
      teacher: gives them labels, by the network that labels the run's sets; default
        their own.
      epochs: default `train.epochs`.
      stage: that their seconds count as.
      trained_as: a run by whose recipe networks are trained instead, on one label of
        each image.
    """
    config, data = run.config, run.dataset.train
    first_set = stack(run.key("distil"), config.sets)[0]
    experts = experts_of(run, data)
    set_key, net_key = jax.random.split(run.key("random_subset"))
    member = np.ones((config.train.nets, len(data.labels)), bool)
    sets, _ = distil_many(
        method_of(run, "random"),
        stack(set_key, config.train.nets),
        data,
        member,
        distillation_steps(run),
        experts=lambda key, rows, wanted: experts(first_set, rows, wanted),
        share_experts=True,
        teacher=teacher,
    )
    if trained_as:
        run, sets = trained_as, sets._replace(views=None)
    own = config.train.epochs
    epochs = epochs or own
    folder = cache_dir(run, "random_subset")
    if teacher:
        keys, name = ("distill.labels", "distill.teacher."), f"labelled_{epochs}_epochs"
        folder = cache_dir(run, "random_subset", *keys, name=name)
    elif epochs != own:
        folder = cache_dir(run, "random_subset", name=f"random_{epochs}_epochs")
    loop = stage_loop(run, stage, folder, "random subset")
    schedule = in_ten_calls(epochs)
    net_keys = stack(net_key, config.train.nets)
    return train_on_sets(run.trainer, net_keys, sets, schedule, loop)


def networks_on_full_data(run: RunContext) -> Params:
    """`train.full_nets` networks on all rows of train."""
    config, data = run.config, run.dataset.train
    keys = stack(run.key("full_data"), config.train.full_nets)
    loop = stage_loop(run, "full_data", cache_dir(run, "full_data"))
    epochs = one_per_call(config.train.full_epochs)
    return train_on_rows(run.trainer, keys, data, None, config.train.lr, epochs, loop)


def baselines(config: ConfigDict) -> dict[str, Callable[[RunContext], Params]]:
    """What trains the networks that those on the sets are compared with, by pipeline.

    >>> list(baselines(ConfigDict({"dp": {"sgd": {"epochs": 1}}})))
    ['random_subset', 'full_data', 'dp_sgd']
    """
    found = {"random_subset": networks_on_subsets, "full_data": networks_on_full_data}
    return found | ({"dp_sgd": networks_by_dp_sgd} if config.dp.sgd.epochs else {})


def early_networks(run: RunContext) -> Params:
    """Ten networks on all rows of train, after a tenth of `train.full_epochs`."""
    data = run.dataset.train
    keys = stack(run.key("early networks"), _EARLY_NETS)
    loop = stage_loop(run, "early_networks", cache_dir(run, "early_networks"))
    epochs = one_per_call(-(-run.config.train.full_epochs // 10))
    lr = run.config.train.lr
    return train_on_rows(run.trainer, keys, data, None, lr, epochs, loop)
