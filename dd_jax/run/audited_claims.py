"""Audits of the epsilon that a run claims."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.epsilon import require_not_refuted
from dd_jax.audits.privacy.mechanism_epsilon import epsilon_of_mechanism, turning
from dd_jax.distill.base import Releases
from dd_jax.distill.private import class_releases
from dd_jax.run.context import RunContext
from dd_jax.run.private import releases_of
from dd_jax.train.private import noisy_gradient
from dd_jax.train.private.accounting import epsilon_of
from dd_jax.train.private.clipping import clipped
from dd_jax.train.private.ledger import Ledger
from dd_jax.types import Array, Key, Record

_LONG = 1e3  # features of the worst row, in units of what they are clipped to


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
    delta = run.config.dp.delta
    added = clipped(_LONG * wanted.clip * turning(wanted.count), wanted.clip)
    found = epsilon_of_mechanism(
        partial(_repeated, wanted),
        run.key("repeated releases"),
        np.asarray(added),
        delta=delta,
    )
    claimed = epsilon_of(class_releases.mechanisms(wanted), delta)
    require_not_refuted(claimed, found["epsilon"], "the noise of its releases")
    return {"audited": found}


def _repeated(wanted: Releases, key: Key, sums: Iterable[Array]) -> Iterator[Array]:
    """All releases of a run, of many repetitions side by side, each with its coin."""
    release = _in_step if wanted.in_steps else partial(_beforehand, Ledger())
    for number, each in enumerate(sums):
        yield release(wanted, number, key, each)


def _beforehand(
    ledger: Ledger, wanted: Releases, number: int, key: Key, sums: Array
) -> Array:
    used = np.zeros((len(sums), 1), np.float32)
    used[class_releases.batch_of(key, number, len(sums), wanted.sampling)[0]] = 1
    return class_releases.noisy_sums(wanted, number, key, used * sums, ledger)


def _in_step(wanted: Releases, number: int, key: Key, sums: Array) -> Array:
    batch_key, noise_key = jax.random.split(jax.random.fold_in(key, number))
    every = jnp.ones(len(sums), bool)
    places, drawn = noisy_gradient.poisson_batch(batch_key, every, wanted.sampling)
    used = jnp.zeros((len(sums), 1)).at[places, 0].add(drawn)
    scale = wanted.clip * wanted.noise_multiplier
    return noisy_gradient.with_noise(noise_key, used * sums, scale)


def require_no_refutation(record: Record) -> None:
    """Refuses a Record whose membership audit shows more than the run claims.

    Which row of a pair was used is protected by the epsilon of an exchange.

    Raises:
      InputError: a lower bound is above it.
    """
    audited = record.get("privacy", {}).get("audited_epsilon", {})
    for threat, found in audited.items():
        claimed = record["run"]["differential_privacy"]["epsilon_of_exchange"]
        source = f"the membership audit under {threat.upper()}"
        require_not_refuted(claimed, found["epsilon"], source)
