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
from dd_jax.config import changed
from dd_jax.distill.base import Releases
from dd_jax.distill.private import (
    class_releases,
    makes_releases_in_steps,
    mechanisms,
    private_form,
    private_methods,
)
from dd_jax.run.cached import cached, read_or_make, run_dir
from dd_jax.run.context import RunContext, augmentation_of_images
from dd_jax.run.read_data import public_rows
from dd_jax.runtime.loop import array_digest
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.system import workdir
from dd_jax.system.progress import shown
from dd_jax.train.private import accounting, clipping
from dd_jax.train.private.accounting import (
    Gaussians,
    epsilon_of,
    noise_multiplier_for,
    sampling_of,
)
from dd_jax.train.private.ledger import Ledger, composed
from dd_jax.types import Dataset, InputError, Key, Split

_SECRET = "secret.npz"
_RELEASES = 50  # before the first step
_BATCH = 256  # rows expected in a release of each step
PROTECTS = "the content of any one training row, against its contributing nothing"


def releases_of(config: ConfigDict, rows: int) -> Releases:
    """The releases of a config, with the least noise that keeps to its epsilon.

    Args:
      config: the config.
      rows: training rows; a shadow, which has half of them, samples as often.
    """
    dp, steps = config.dp, config.distill.steps
    in_steps = makes_releases_in_steps(config.distill.method)
    batch = dp.batch or (_BATCH if in_steps else rows)
    count = max(steps, 1) if in_steps else dp.releases or _RELEASES
    sampling = sampling_of(batch, rows)
    noise_multiplier = noise_multiplier_for(dp.epsilon, dp.delta, count, sampling)
    return Releases(count, dp.clip, noise_multiplier, sampling, in_steps)


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


def require_no_keys(config: ConfigDict) -> None:
    """Refuses keys of differential privacy for a run without it, but for `dp.delta`.

    Raises:
      InputError: one is not at its default.
    """
    for key, value in changed(config).items():
        if key.startswith("dp.") and key != "dp.delta":
            raise InputError(f"{key}={value}: needs dp.epsilon above 0")


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
    yield (
        bool(config.dp.releases) and makes_releases_in_steps(distill.method),
        f"dp.releases={config.dp.releases}: {distill.method} makes one in each of "
        "distill.steps; take 0",
    )
    yield (
        makes_releases_in_steps(distill.method) and not distill.steps,
        f"distill.steps=0: {distill.method} learns in its steps alone; take 1 or more",
    )
    plain = config.train.augment in ("", "none")
    yield (
        plain and config.dp.sgd.views > 0,
        f"dp.sgd.views={config.dp.sgd.views}: views are random by train.augment, which "
        "is none; take 0",
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
    yield (
        bool(config.distill.allocation),
        "distill.allocation: may tell of private rows; take ()",
    )
    yield config.data.zca, "data.zca: is fitted on private rows; take False"
    yield config.sets > 1, f"sets={config.sets}: each would be a release; take 1"
    yield (
        bool(config.mitigate.robust.eps),
        "mitigate.robust.eps: steps see no rows to attack; take 0",
    )
    yield (
        bool(config.mitigate.curvature.weight),
        "mitigate.curvature.weight: no network learns from private rows; take 0",
    )
    yield bool(config.backdoor.rate), "backdoor.rate: steps see no rows; take 0"
    yield (
        config.mitigate.fair.form != "none",
        f"mitigate.fair.form={config.mitigate.fair.form}: steps see no rows to tell by "
        "group; take none",
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
    run: RunContext,
    data: Split,
    rows: np.ndarray,
    wanted: Releases,
    stage: str = "releases",
) -> np.ndarray:
    """What some private rows release, `f32[r k d]`; a file for each pass over them.

    Where steps make the releases, the secret of these instead, `u32[2]`. Their seconds
    count as those of a stage.

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
    if wanted.in_steps:
        return np.asarray(arrays_of_first(words))
    key = jax.random.wrap_key_data(words, impl="threefry2x32")
    found = []
    for numbers in shown(_passes(wanted.count, wanted.sampling), "releases"):
        make = partial(_release, run, wanted, numbers, key, mine, ledger)
        path = folder / _file(numbers)
        found.append(cached(run, stage, path, make)["means"])
    return np.asarray(arrays_of_first(np.concatenate(found)))


def _passes(count: int, sampling: float) -> list[range]:
    """The releases that together see each row about once."""
    several = max(1, round(1 / sampling))
    return [
        range(first, min(first + several, count)) for first in range(0, count, several)
    ]


def _file(numbers: range) -> str:
    return f"{numbers[0]}.npz"


def _folder(run: RunContext, data: Split, rows: np.ndarray) -> Path:
    return run_dir(run, "class_means") / array_digest((rows, data.labels, data.images))


def _new_secret() -> dict:
    return {"words": np.frombuffer(secrets.token_bytes(8), np.uint32)}


def _release(
    run, wanted: Releases, numbers: range, key: Key, data: Split, ledger: Ledger
) -> dict:
    classes, known = len(run.dataset.class_names), len(ledger.entries)
    augment = augmentation_of_images(run).siamese
    means = [
        class_releases.noisy_means(
            run.model, wanted, n, key, data, classes, ledger, augment
        )
        for n in numbers
    ]
    entries = np.array(ledger.entries[known:], np.float64)
    return {"means": np.stack(means), "entries": entries}


def guarantee(run: RunContext) -> dict:
    """`differential_privacy` of the Record, from what was really released.

    Raises:
      InputError: that costs more than the config allows.
    """
    dp, entries = run.config.dp, _entries(run)
    spent = epsilon_of(entries, dp.delta)
    if spent > dp.epsilon:
        raise InputError(
            f"dp.epsilon={dp.epsilon:g}: {spent:.4g} was spent, by an error of the "
            "program; the set must not be published"
        )
    return {
        "epsilon": spent,
        "epsilon_of_exchange": epsilon_of(entries, dp.delta, exchange=True),
        "delta": dp.delta,
        "protects": PROTECTS,
        "mechanisms": [entry._asdict() for entry in entries],
    }


def _entries(run: RunContext) -> list[Gaussians]:
    """What the run's rows have released, by what files or steps were made."""
    data = run.dataset.train
    wanted = releases_of(run.config, len(data.labels))
    if wanted.in_steps:
        return mechanisms(wanted)
    folder = _folder(run, data, np.arange(len(data.labels)))
    files = [folder / _file(n) for n in _passes(wanted.count, wanted.sampling)]
    made = np.concatenate([workdir.read_tree(f)["made"]["entries"] for f in files])
    return composed([Gaussians(int(count), s, q) for count, s, q in made.tolist()])
