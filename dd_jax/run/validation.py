"""What data, model and audits together cannot give is refused before any compute."""

import math
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.audits import fairness
from dd_jax.audits.robustness import ascents
from dd_jax.catalogue import entries
from dd_jax.data import require_per_class
from dd_jax.data.zca import fitting_bytes, fitting_seconds
from dd_jax.distill import batched_form
from dd_jax.distill.io import storage
from dd_jax.run.context import (
    Parts,
    dataset,
    has_privacy,
    images_per_class,
    judged_rows,
    learns,
    matches,
    norm_of,
    parts,
    planted,
    whitening,
)
from dd_jax.run.methods import joint_of, method_of
from dd_jax.run.variants import others
from dd_jax.runtime.parallel import require_devices
from dd_jax.system.memory import free
from dd_jax.types import Dataset, InputError, SyntheticSet

_QUICK = 2000  # values of an image that ZCA whitens within seconds


def check(config: ConfigDict) -> None:
    """Refuses what data, model and audits together cannot give, before any compute."""
    _check_devices(config.devices)
    data = dataset(config)
    if config.distill.load:
        _check_loaded(config, data)
    elif config.data.zca:
        _check_whitening(data)
    if has_privacy(config):
        _check_halves(config, data)
        _check_queries(config, data)
    require_per_class(data, images_per_class(config))
    if config.audits.robustness.enabled and config.audits.robustness.checks:
        _check_evidence(config)
    if not config.distill.load:
        (_check_learning if learns(config) else _check_selection)(config)
    if config.mitigate.robust.eps and not matches(config.distill.method):
        raise InputError(
            f"mitigate.robust.eps: {config.distill.method} matches no real images that "
            "could be attacked; take dc, dsa, dm, idc_i, idc or frepo"
        )
    built = parts(config, Path(), Path())
    jax.eval_shape(built.model.init, jax.random.key(0))
    if not config.distill.load:
        method_of(built, config.distill.method)
    if has_privacy(config) and config.audits.privacy.joint:
        _check_joint(built)
    for changes in others(config).values():
        check(configs.override(config, changes, "audits.transfer"))
    judged = judged_rows(data)
    if config.audits.fairness.enabled and judged.groups is not None:
        classes = len(data.class_names)
        fairness.equalised_odds(judged.labels, judged.labels, judged.groups, classes)


def forecast(config: ConfigDict) -> str:
    """What takes minutes before the first stage of a run, in a line; empty if nothing.

    Args:
      config: a config that passes `check`.
    """
    if not config.data.zca or config.distill.load:
        return ""
    shape = dataset(config).train.images.shape
    values = math.prod(shape[1:])
    if values < _QUICK:
        return ""
    minutes = math.ceil(fitting_seconds(shape) / 60)
    return (
        f"data.zca: whitening starts with the eigenvectors of {values} x {values} "
        f"covariances, about {minutes} min and {_size(fitting_bytes(shape))}"
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count > 1e9 else f"{count / 1e6:.1f} MB"


def _check_devices(count: int) -> None:
    """Refuses a platform that JAX does not find, and more devices than it finds."""
    try:
        jax.devices()
    except Exception as error:  # an assertion where a plug-in is missing
        asked = jax.config.jax_platforms
        found = str(error).partition(" (set ")[0] or "its plug-in is not installed"
        raise InputError(
            f"JAX_PLATFORMS={asked}: JAX finds no such devices here ({found}); unset "
            "it, or set JAX_PLATFORMS=cpu"
        ) from None
    require_devices(count)


def _check_whitening(data: Dataset) -> None:
    """Refuses a fit of ZCA that the free memory cannot hold."""
    n, h, w, c = data.train.images.shape
    needed, available = fitting_bytes((n, h, w, c)), free()
    if needed > available:
        sides = range(min(h, w), 0, -1)
        fit = [s for s in sides if fitting_bytes((n, s, s, c)) <= available]
        advice = f"take data.image_size={fit[0]} at most, or " if fit else "take "
        raise InputError(
            f"data.zca: to whiten {n} images of {h}x{w}x{c} values takes about "
            f"{_size(needed)} of memory, and {_size(available)} are free; "
            f"{advice}data.zca=False"
        )


def _check_selection(config: ConfigDict) -> None:
    """A method that selects real images has nothing to learn or to decode."""
    distill = config.distill
    for key, asked in {
        "lr_labels": distill.lr_labels > 0,
        "factor": distill.factor > 1,
        "multi": distill.multi,
    }.items():
        if asked:
            raise InputError(
                f"distill.{key}={distill[key]}: {distill.method} selects real images "
                "as they are; take a method that learns its images"
            )


def _check_learning(config: ConfigDict) -> None:
    """Options that another option has to be there for, or another method."""
    distill = config.distill
    tiles = distill.factor or (2 if distill.method == "idc" else 1)
    if distill.multi and tiles == 1:
        raise InputError(
            "distill.multi=True: with one tile an image there is no more to decode; "
            "give distill.factor 2 or 3"
        )
    if distill.method == "mtt" and bool(distill.mtt.growth) != bool(
        distill.mtt.first_max_start
    ):
        raise InputError(
            f"distill.mtt.growth={distill.mtt.growth}: the window grows from "
            f"first_max_start={distill.mtt.first_max_start} to max_start over growth "
            "updates; give both or neither"
        )


def _check_evidence(config: ConfigDict) -> None:
    """Checks attack again, by an ascent of the config, at a radius above 0."""
    audit = config.audits.robustness
    again = ascents({spec: norm_of(spec) for spec in audit.attacks})
    if not again:
        raise InputError(
            f"audits.robustness.checks: none of the attacks {list(audit.attacks)} can "
            "be run again for it; add pgd_linf, pgd_l2, apgd_ce or apgd_dlr"
        )
    for norm in again:
        if not any(audit[f"eps_{norm}"]):
            raise InputError(
                f"audits.robustness.eps_{norm} holds no radius above 0, which "
                "audits.robustness.checks needs"
            )


def _check_halves(config: ConfigDict, data: Dataset) -> None:
    """Half of the rows, canaries left out, must do for the images of each class."""
    ipc, canaries = config.distill.ipc, config.audits.privacy.canaries
    kind = (rows := planted(config, data)).kind
    ordinary = rows.split.labels[: len(kind)][kind < 0]
    classes = len(data.class_names)
    fewest = int(np.bincount(ordinary, minlength=classes).min())
    if fewest >= 2 * ipc:
        return
    most = int(np.bincount(data.train.labels).min())
    ways = [f"at most {fewest // 2}"] if fewest >= 2 else []
    ways += ["audits.privacy.canaries=0"] if canaries and most >= 2 * ipc else []
    alone = "" if ipc <= most else f" with at most {most}"
    raise InputError(
        f"distill.ipc={ipc}: each shadow of the membership audit distils half of the "
        f"rows, and the smallest class of {data.name} has {fewest} in train"
        f"{' beside canaries' if canaries else ''}; take "
        f"{', or '.join([*ways, f'audits.privacy.enabled=False{alone}'])}"
    )


def _check_queries(config: ConfigDict, data: Dataset) -> None:
    audit, side = config.audits.privacy, min(data.train.images.shape[1:3])
    if audit.query_shift >= side:
        raise InputError(
            f"audits.privacy.query_shift={audit.query_shift}: images of side {side} "
            f"can be shifted by at most {side - 1} pixels"
        )


def _check_joint(built: Parts) -> None:
    distill = built.config.distill
    if not batched_form(distill.method):
        known = [e.name for e in entries("method") if "batched" in e.traits]
        raise InputError(
            f"audits.privacy.joint: distill.method={distill.method} has no joint form; "
            f"take {', '.join(known)}, or joint=False"
        )
    for mitigation, settings in built.config.mitigate.items():
        if settings.eps:
            raise InputError(
                f"audits.privacy.joint: mitigate.{mitigation} has no joint form; take "
                "joint=False"
            )
    joint_of(built, halves=True)


def _check_loaded(config: ConfigDict, data: Dataset) -> None:
    loaded = storage.load(config.distill.load)
    shape, classes = data.train.images.shape[1:], len(data.class_names)
    if (loaded.images.shape[1:], loaded.labels.shape[1]) != (shape, classes):
        raise InputError(
            f"{config.distill.load} holds {loaded.images.shape[1:]} images of "
            f"{loaded.labels.shape[1]} classes; {data.name} has {shape} images "
            f"of {classes}, which must be the same{_turned(loaded, shape)}"
        )
    made = (loaded.metadata or {}).get("class_names", list(data.class_names))
    if list(made) != list(data.class_names):
        raise InputError(
            f"{config.distill.load} has the classes {made}; {data.name} has "
            f"{list(data.class_names)}, which must be the same in the same order"
        )
    if bool((loaded.metadata or {}).get("zca")) != config.data.zca:
        raise InputError(
            f"{config.distill.load} was made with data.zca={not config.data.zca}; "
            "networks have to see it in the same space: give "
            f"--config.data.zca={not config.data.zca}"
        )
    if (zca := whitening(config)) and zca.mean.size != math.prod(shape):
        file = storage.beside(config.distill.load, "zca.npz")
        raise InputError(
            f"{file} is for images of {zca.mean.size} values; those of "
            f"{config.distill.load} have {math.prod(shape)}"
        )
    if config.sets > 1:
        raise InputError(
            f"sets={config.sets}: {config.distill.load} is one set; take sets=1"
        )


def _turned(loaded: SyntheticSet, shape: tuple[int, ...]) -> str:
    """What to do about channels first, where that is what a set has."""
    if np.moveaxis(loaded.images, 1, -1).shape[1:] == shape:
        return "; its channels come first: store images.transpose(0, 2, 3, 1)"
    return ""
