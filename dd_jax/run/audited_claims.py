"""Audits of the epsilon that a run claims."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from dd_jax.audits.privacy.epsilon import require_not_refuted
from dd_jax.audits.privacy.mechanism_epsilon import epsilon_of_mechanism, turning
from dd_jax.distill.base import Releases
from dd_jax.distill.private import class_releases
from dd_jax.run.context import RunContext
from dd_jax.run.private import releases_of
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
    ledger = Ledger()
    for number, each in enumerate(sums):
        used = np.zeros((len(each), 1), np.float32)
        used[class_releases.batch_of(key, number, len(each), wanted.sampling)[0]] = 1
        yield class_releases.noisy_sums(wanted, number, key, used * each, ledger)


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
