"""Differential privacy of a run: its releases, its refusals and its guarantee."""

import secrets
from collections.abc import Iterator
from functools import partial
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
from dd_jax.run.read_data import public_rows
from dd_jax.runtime.loop import array_digest
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.system import workdir
from dd_jax.system.progress import shown
from dd_jax.train.private import accounting, clipping
from dd_jax.train.private.accounting import Gaussians, epsilon_of, noise_multiplier_for
from dd_jax.train.private.ledger import Ledger, composed
from dd_jax.types import Dataset, InputError, Key, Split

_SECRET = "secret.npz"
PROTECTS = (
    "the content of any one training row, against its contributing nothing; labels, "
    "counts and which rows are used are public, and settings that were chosen on "
    "these rows are not accounted for"
)


def releases_of(config: ConfigDict) -> Releases:
    """The releases of a config, with the least noise that keeps to its epsilon."""
    dp = config.dp
    noise_multiplier = noise_multiplier_for(dp.epsilon, dp.delta, dp.releases)
    return Releases(dp.releases, dp.clip, noise_multiplier)


def require_private(config: ConfigDict, data: Dataset) -> None:
    """Refuses what would let private rows out past the releases.

    Raises:
      InputError: the first such key, with what to give instead.
    """
    accounting.require()
    clipping.require()
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
    shape = data.train.images.shape[1:]
    yield (
        init == "public" and _overlap(public_rows(place, shape), data.train),
        f"distill.init={distill.init}: holds training rows, which are private",
    )
    yield config.data.zca, "data.zca: is fitted on private rows; take False"
    yield config.sets > 1, f"sets={config.sets}: each would be a release; take 1"
    yield (
        bool(config.mitigate.robust.eps),
        "mitigate.robust.eps: steps see no rows to attack; take 0",
    )
    yield (
        bool(config.audits.memorisation.enabled and config.audits.memorisation.gallery),
        "audits.memorisation.gallery: puts training rows into the report; take False",
    )
    transfer = config.audits.transfer
    yield (
        bool(transfer.enabled and (transfer.methods or transfer.sets)),
        "audits.transfer.methods and audits.transfer.sets: other sets have no "
        "guarantee; leave both empty",
    )
    yield (
        config.audits.privacy.enabled and config.audits.privacy.joint,
        "audits.privacy.joint: has no private form; take False",
    )


def _overlap(one: Split, other: Split) -> bool:
    """Whether two data sets share an image."""
    images = {image.tobytes() for image in one.images}
    return any(image.tobytes() in images for image in other.images)


def released(
    run: RunContext, data: Split, rows: np.ndarray, wanted: Releases
) -> np.ndarray:
    """What some private rows release, `f32[r k d]`; a file for each network.

    The noise follows from a secret of the operating system, not from `seed`, which is
    published: who knows the seed could take the noise away. Until the run is done a
    file that only its owner can read holds the secret, so that a run that resumes draws
    the same noise. Of several hosts all take the releases of the first.
    """
    mine = Split(data.images[rows], data.labels[rows])
    folder, ledger = _folder(run, data, rows), Ledger()
    secret = read_or_make(folder / _SECRET, _new_secret)["words"]
    (folder / _SECRET).chmod(0o600)
    words = jnp.asarray(secret, jnp.uint32)
    key = jax.random.wrap_key_data(words, impl="threefry2x32")
    found = []
    for number in shown(range(wanted.count), "releases"):
        make = partial(_release, run, wanted, number, key, mine, ledger)
        path = folder / f"{number}.npz"
        found.append(cached(run, "releases", path, make)["means"])
    return np.asarray(arrays_of_first(np.stack(found)))


def _folder(run: RunContext, data: Split, rows: np.ndarray) -> Path:
    return run_dir(run, "releases") / array_digest((rows, data.labels, data.images))


def _new_secret() -> dict:
    return {"words": np.frombuffer(secrets.token_bytes(8), np.uint32)}


def _release(
    run, wanted: Releases, number: int, key: Key, data: Split, ledger: Ledger
) -> dict:
    classes = len(run.dataset.class_names)
    means = class_releases.noisy_means(
        run.model, wanted, number, key, data, classes, ledger
    )
    entry = ledger.entries[-1]
    noise = {"noise_multiplier": entry.noise_multiplier, "sampling": entry.sampling}
    return {"means": means, **{k: np.float64(v) for k, v in noise.items()}}


def guarantee(run: RunContext) -> dict:
    """`differential_privacy` of the Record, from what was really released.

    Raises:
      InputError: that costs more than the config allows.
    """
    dp, data = run.config.dp, run.dataset.train
    folder = _folder(run, data, np.arange(len(data.labels)))
    files = [folder / f"{number}.npz" for number in range(dp.releases)]
    entries = composed([_entry(file) for file in files])
    spent = epsilon_of(entries, dp.delta)
    halved = [e._replace(noise_multiplier=e.noise_multiplier / 2) for e in entries]
    if spent > dp.epsilon:
        raise InputError(
            f"dp.epsilon={dp.epsilon:g}: {spent:.4g} was spent, by an error of the "
            "program; the set must not be published"
        )
    return {
        "epsilon": spent,
        "epsilon_of_exchange": epsilon_of(halved, dp.delta),
        "delta": dp.delta,
        "protects": PROTECTS,
        "mechanisms": [entry._asdict() for entry in entries],
    }


def _entry(file: Path) -> Gaussians:
    found = workdir.read_tree(file)["made"]
    return Gaussians(1, float(found["noise_multiplier"]), float(found["sampling"]))
