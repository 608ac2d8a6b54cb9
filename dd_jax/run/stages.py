"""The stages of a run: sets, networks on them and beside them, shadow pipelines."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.distill.io import storage
from dd_jax.distill.pipeline import distil_many, distil_then_train, train_on_data
from dd_jax.run.cached import (
    at_tenths,
    every_epoch,
    of_baseline,
    own,
    shared,
    staged,
    steps_of,
)
from dd_jax.run.context import Parts
from dd_jax.run.methods import experts_of, joint_of, method_of
from dd_jax.runtime.keys import stack
from dd_jax.train.many import train_on_rows, train_on_sets
from dd_jax.types import (
    Array,
    Params,
    Pipeline,
    Split,
    SyntheticSet,
)


def synthetic_sets(
    parts: Parts, steps: int | None = None
) -> tuple[SyntheticSet, float]:
    """The sets that the run is about, with a leading axis, and the seconds they took.

    With `steps`, the sets after so many steps of the same distillation.
    """
    config = parts.config
    if config.distill.load:
        loaded = storage.load(config.distill.load)
        arrays = (loaded.images, loaded.labels, loaded.lr)
        return SyntheticSet(*(jnp.asarray(a)[None] for a in arrays)), 0.0
    keys = stack(parts.key("distil"), config.sets)
    member = np.ones((config.sets, len(parts.dataset.train.labels)), bool)
    log = parts.folder / "metrics.jsonl"
    loop = staged(parts, "distill", own(parts, "distil"), log=log)
    return distil_many(
        method_of(parts, config.distill.method),
        keys,
        parts.dataset.train,
        member,
        steps_of(parts)._replace(total=steps or config.distill.steps),
        loop,
        experts_of(parts, parts.dataset.train),
        one_cohort=True,
    )


def networks_on_sets(parts: Parts, sets: SyntheticSet, stage: str = "train") -> Params:
    """`train.nets` networks on each set; those of one set follow one another."""
    nets = parts.config.train.nets
    sets = sets._replace(lr=_step_sizes(parts, sets.lr))
    each = jax.tree.map(lambda a: jnp.repeat(a, nets, 0), sets)
    keys = stack(parts.key("nets"), len(each.images))
    loop = staged(parts, stage, own(parts, "nets"))
    epochs = at_tenths(parts.config.train.epochs)
    return train_on_sets(parts.trainer, keys, each, epochs, loop)[0]


def _step_sizes(parts: Parts, rates: Array) -> Array:
    """Those of the sets; a loaded set that learned none takes the run's `train.lr`."""
    path = parts.config.distill.load
    if not path or storage.learned_rate(storage.load(path)):
        return rates
    return jnp.full_like(rates, parts.config.train.lr)


def networks_on_subsets(parts: Parts) -> Params:
    """`train.nets` networks, each on a random subset of its own, of the sets' size."""
    config, data = parts.config, parts.dataset.train
    set_key, net_key = jax.random.split(parts.key("random_subset"))
    member = np.ones((config.train.nets, len(data.labels)), bool)
    sets, _ = distil_many(
        method_of(parts, "random"),
        stack(set_key, config.train.nets),
        data,
        member,
        steps_of(parts),
    )
    loop = staged(parts, "random_subset", of_baseline(parts, "random_subset"))
    epochs = at_tenths(config.train.epochs)
    net_keys = stack(net_key, config.train.nets)
    return train_on_sets(parts.trainer, net_keys, sets, epochs, loop)[0]


def networks_on_full_data(parts: Parts) -> Params:
    """`train.full_nets` networks on all rows of train."""
    config, data = parts.config, parts.dataset.train
    keys = stack(parts.key("full_data"), config.train.full_nets)
    rows = np.tile(np.arange(len(data.labels)), (config.train.full_nets, 1))
    loop = staged(parts, "full_data", of_baseline(parts, "full_data"))
    epochs = every_epoch(config.train.full_epochs)
    return train_on_rows(
        parts.trainer, keys, data, rows, config.train.lr, epochs, loop
    )[0]


def _shadow_loop(parts: Parts, pipe: str, stage: str) -> Callable:
    """The loop of one stage of a pipeline's shadows; baselines are shared by runs."""
    seconds = "shadow_distill" if stage == "distil" else "shadows"
    label = f"{seconds.replace('_', ' ')}, {pipe}"
    if pipe == "distilled":
        return staged(parts, seconds, own(parts, f"shadow_{stage}"), label)
    privacy = [f"audits.privacy.{key}" for key in ("shadows", "targets", "canaries")]
    if pipe == "full_data":
        folder = shared(parts, "shadow_full_data", *privacy, "train.full_epochs")
    else:
        keys = (*privacy, "audits.privacy.epochs", "distill.ipc")
        folder = shared(parts, f"shadow_{stage}", *keys)
    return staged(parts, seconds, folder, label)


def shadow_pipeline(
    parts: Parts,
    pipe: str,
    data: Split,
    *,
    initial_only: bool = False,
    joint: bool = False,
) -> Pipeline:
    """The pipeline that shadows are made of, by the name that Records use.

    Args:
      parts: of the run.
      pipe: `distilled`, `random_subset` or `full_data`.
      data: the rows that members are drawn from.
      initial_only: see `dd_jax.distill.pipeline.distil_then_train`.
      joint: whether shadows share networks and real batches.
    """
    config = parts.config
    if pipe == "full_data":
        return train_on_data(
            parts.trainer,
            data,
            config.train.lr,
            every_epoch(config.train.full_epochs),
            _shadow_loop(parts, pipe, "nets"),
        )
    return distil_then_train(
        method_of(parts, config.distill.method if pipe == "distilled" else "random"),
        parts.trainer,
        data,
        steps_of(parts),
        at_tenths(config.audits.privacy.epochs),
        (_shadow_loop(parts, pipe, "distil"), _shadow_loop(parts, pipe, "nets")),
        experts_of(parts, data),
        initial_only=initial_only,
        joint=joint_of(parts, halves=not initial_only) if joint else None,
    )


def shadow_networks(parts: Parts, pipe: str, keys: Array, sets: SyntheticSet) -> Params:
    """Further networks on sets of shadows, trained as their pipeline does."""
    epochs = at_tenths(parts.config.audits.privacy.epochs)
    loop = _shadow_loop(parts, pipe, "nets")
    return train_on_sets(parts.trainer, keys, sets, epochs, loop)[0]
