"""Differential privacy of a run: its releases, its refusals and its guarantee."""

import secrets
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dd_jax.catalogue.naming import init_of
from dd_jax.distill.base import Releases
from dd_jax.distill.private import class_releases, private_form, private_methods
from dd_jax.run.cached import cached, read_or_make, run_dir
from dd_jax.run.context import RunContext
from dd_jax.runtime.loop import array_digest
from dd_jax.system.progress import shown
from dd_jax.train.private.accounting import Gaussians, epsilon_of, noise_multiplier_for
from dd_jax.train.private.ledger import Ledger, composed
from dd_jax.types import Dataset, InputError, Key, Split

_SECRET = "secret.npz"
PROTECTS = (
    "whether any one row is in the training data; classes and the number of rows of "
    "each are taken as public, and settings that were chosen on these rows are not "
    "accounted for"
)


def releases_of(config: ConfigDict) -> Releases:
    """The releases of a config, with the least noise that keeps to its epsilon."""
    dp = config.dp
    noise_multiplier = _noise_multiplier(dp.epsilon, dp.delta, dp.releases)
    return Releases(dp.releases, dp.clip, noise_multiplier)


@lru_cache(maxsize=64)
def _noise_multiplier(epsilon: float, delta: float, count: int) -> float:
    return noise_multiplier_for(epsilon, delta, lambda s: [Gaussians(count, s)])


def require_private(config: ConfigDict, data: Dataset) -> None:
    """Refuses what would let private rows out past the releases.

    Raises:
      InputError: the first such key, with what to give instead.
    """
    for refused, words in _refusals(config, data):
        if refused:
            raise InputError(f"dp.epsilon={config.dp.epsilon:g}: {words}")


def _refusals(config: ConfigDict, data: Dataset) -> Iterator[tuple[bool, str]]:
    distill, rows = config.distill, len(data.train.labels)
    yield (
        config.dp.delta >= 1 / rows,
        f"dp.delta={config.dp.delta:g}: must be below 1 / {rows}, or a row may be "
        "published as it is",
    )
    yield bool(distill.load), "distill.load: a set made elsewhere has no guarantee"
    yield (
        private_form(distill.method) is None,
        f"distill.method={distill.method}: has no private form; take one of "
        f"{', '.join(private_methods())}",
    )
    init, place = init_of(distill.init)
    nearest = bool(place) and distill.public.classes != "free"
    yield (
        init not in ("noise", "public"),
        f"distill.init={distill.init}: private rows; take noise or public:SOURCE",
    )
    yield nearest, "distill.public.classes: looks at private rows; take free"
    yield config.data.zca, "data.zca: is fitted on private rows; take False"
    yield config.sets > 1, f"sets={config.sets}: each would be a release; take 1"
    yield (
        bool(config.mitigate.robust.eps),
        "mitigate.robust.eps: steps see no rows to attack; take 0",
    )
    yield (
        config.model.norm == "batch",
        "model.norm=batch: mixes rows, so that none can be clipped; take another",
    )
    yield (
        config.audits.privacy.enabled and config.audits.privacy.joint,
        "audits.privacy.joint: has no private form; take False",
    )


def released(
    run: RunContext, data: Split, rows: np.ndarray, wanted: Releases
) -> np.ndarray:
    """What some private rows release, `f32[r k d]`; a file for each network.

    The noise follows from a secret of the operating system, not from `seed`, which is
    published: who knows the seed could take the noise away. Until the run is done a
    file holds the secret, so that a run that resumes draws the same noise.
    """
    mine = Split(data.images[rows], data.labels[rows])
    folder = run_dir(run, "releases") / array_digest((rows,))
    secret = read_or_make(folder / _SECRET, _new_secret)["words"]
    key = jax.random.wrap_key_data(jnp.asarray(secret, jnp.uint32))
    found = []
    for number in shown(range(wanted.count), "releases"):
        make = partial(_release, run, wanted, number, key, mine)
        path = folder / f"{number}.npz"
        found.append(cached(run, "releases", path, make)["means"])
    return np.stack(found)


def _new_secret() -> dict:
    return {"words": np.frombuffer(secrets.token_bytes(8), np.uint32)}


def _release(run, wanted: Releases, number: int, key: Key, data: Split) -> dict:
    ledger = Ledger()
    means = class_releases.noisy_means(run.model, wanted, number, key, data, ledger)
    (entry,) = ledger.entries
    noise = {"noise_multiplier": entry.noise_multiplier, "sampling": entry.sampling}
    return {"means": means, **{k: np.float64(v) for k, v in noise.items()}}


def guarantee(run: RunContext) -> dict:
    """`differential_privacy` of the Record, from what was really released.

    Raises:
      InputError: that costs more than the config allows.
    """
    dp, every = run.config.dp, np.arange(len(run.dataset.train.labels))
    folder = run_dir(run, "releases") / array_digest((every,))
    files = [file for file in folder.iterdir() if file.name != _SECRET]
    entries = composed([_entry(file) for file in files])
    spent = epsilon_of(entries, dp.delta)
    if spent > dp.epsilon:
        raise InputError(
            f"dp.epsilon={dp.epsilon:g}: {spent:.4g} was spent, by an error of the "
            "program; the set must not be published"
        )
    return {
        "epsilon": spent,
        "delta": dp.delta,
        "protects": PROTECTS,
        "mechanisms": [entry._asdict() for entry in entries],
    }


def _entry(file: Path) -> Gaussians:
    found = read_or_make(file, dict)["made"]
    return Gaussians(1, float(found["noise_multiplier"]), float(found["sampling"]))
