"""Audits of the epsilon that a run claims."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dd_jax.audits.privacy.epsilon import require_not_refuted
from dd_jax.audits.privacy.mechanism_epsilon import epsilon_of_mechanism, turning
from dd_jax.distill.base import Releases
from dd_jax.distill.private import class_releases, mechanisms
from dd_jax.run.context import RunContext, augmentation_of_images
from dd_jax.run.private import releases_of
from dd_jax.train.private import noisy_gradient
from dd_jax.train.private.accounting import epsilon_of
from dd_jax.train.private.ledger import Ledger
from dd_jax.types import Array, InputError, Key, Model, Params, Record, Split

_LONG = 1e6  # what no row adds, in units of what it is clipped to
_NO_NOISE = 1e-20
_ROUNDING = 1e-4


def require_clipping(run: RunContext, wanted: Releases) -> None:
    """Refuses a run that does not clip what one row adds to a release.

    The run's own sums, of one random image, with a tenth of its length as C.

    Raises:
      InputError: the sum is longer than C.
    """
    rng = np.random.default_rng(0)
    shape, classes = run.dataset.train.images.shape[1:], len(run.dataset.class_names)
    row = Split(rng.integers(0, 256, (1, *shape), np.uint8), np.zeros(1, np.int32))
    features = partial(_features_of, augmentation_of_images(run).siamese)
    added = _gradient_of if wanted.in_steps else features
    length = lambda clip: float(optax.tree.norm(added(run.model, row, classes, clip)))
    clip = length(_LONG * wanted.clip) / 10
    if length(clip) > clip * (1 + _ROUNDING):
        raise InputError(
            "dp.epsilon: a row adds more to a release than dp.clip allows, by an error "
            "of the program; the set must not be published"
        )


def _features_of(
    augment: Callable, model: Model, row: Split, classes: int, clip: float
) -> Array:
    return class_releases.class_sums(model, 0, row, classes, clip, 1, augment)


def _gradient_of(model: Model, row: Split, classes: int, clip: float) -> Params:
    released = noisy_gradient.noisy_gradient(
        model, clip=clip, noise_multiplier=_NO_NOISE, sampling=1.0
    )
    labels = jax.nn.one_hot(row.labels, classes)
    rows = noisy_gradient.Rows(row.images, np.arange(1), labels, np.ones(1, bool))
    key = jax.random.key(0)
    return jax.jit(released)(key, model.init(key), rows)[0]


def audited_mechanism(run: RunContext) -> dict[str, Any]:
    """Audits the run's own clipping and noise, before anything is released.

    Returns:
      `audited`, what `epsilon_of_mechanism` gives; empty for a run without privacy.

    Raises:
      InputError: they leak more than the run claims.
    """
    if not run.config.dp.epsilon:
        return {}
    wanted = releases_of(run.config, len(run.dataset.train.labels))
    require_clipping(run, wanted)
    delta = run.config.dp.delta
    added = wanted.clip * turning(wanted.count)
    found = epsilon_of_mechanism(
        partial(_repeated, wanted),
        run.key("repeated releases"),
        added,
        delta=delta,
        sampling=wanted.sampling,
    )
    claimed = epsilon_of(mechanisms(wanted), delta)
    require_not_refuted(claimed, found["surely"], "the noise of its releases")
    return {"audited": found}


def _repeated(wanted: Releases, key: Key, sums: Iterable[Array]) -> Iterator[Array]:
    """All releases of a run, of many repetitions side by side, each with its coin."""
    if wanted.in_steps:
        release = jax.jit(partial(_in_step, wanted))
    else:
        release = partial(_beforehand, wanted, Ledger())
    for number, each in enumerate(sums):
        yield release(number, key, each)


def _beforehand(
    wanted: Releases, ledger: Ledger, number: int, key: Key, sums: Array
) -> Array:
    used = np.zeros((len(sums), 1), np.float32)
    used[class_releases.batch_of(key, number, len(sums), wanted.sampling)[0]] = 1
    return class_releases.noisy_sums(wanted, number, key, used * sums, ledger)


def _in_step(wanted: Releases, number: int, key: Key, sums: Array) -> Array:
    def of_drawn(places, drawn):
        return jnp.zeros((len(sums), 1)).at[places, 0].add(drawn) * sums, None

    every, scale = jnp.ones(len(sums), bool), wanted.clip * wanted.noise_multiplier
    key = jax.random.fold_in(key, number)
    return noisy_gradient.noisy_sum(key, every, wanted.sampling, scale, of_drawn)[0]


def withdraw_if_refuted(record: Record, folder: Path) -> None:
    """Deletes the sets of a run whose membership audit shows more than it claims.

    Which row of a pair was used is protected by the epsilon of an exchange.

    Raises:
      InputError: a lower bound is above it.
    """
    audited = record.get("privacy", {}).get("audited_epsilon", {})
    for threat, found in audited.items():
        claimed = record["run"]["differential_privacy"]["epsilon_of_exchange"]
        source = f"the membership audit under {threat.upper()}"
        try:
            require_not_refuted(claimed, found["surely"], source)
        except InputError:
            for file in (*folder.glob("synthetic*.npz"), folder / "images.png"):
                file.unlink(missing_ok=True)
            raise
