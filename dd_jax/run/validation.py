"""Checks of a config against its data, model and audits, before any compute."""

import math
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import entries
from dd_jax.data import require_per_class
from dd_jax.data.zca import fitting_bytes
from dd_jax.distill import batched_form
from dd_jax.distill.io import storage
from dd_jax.report import event_files
from dd_jax.run.audit_context import context_of, enabled
from dd_jax.run.context import (
    RunContext,
    build_context,
    factor_of,
    images_per_class,
    learns,
)
from dd_jax.run.grid_checks import runs_here
from dd_jax.run.keys_of_methods import require_taken
from dd_jax.run.methods import batched_method_of, method_of
from dd_jax.run.mitigated import mitigations, require_mitigated
from dd_jax.run.own_backdoor import require_backdoor
from dd_jax.run.private import require_no_keys, require_private
from dd_jax.run.read_data import dataset, whitening
from dd_jax.run.taught import require_teacher, require_views
from dd_jax.run.variants import transfer_variants
from dd_jax.runtime.devices import require_devices
from dd_jax.runtime.memory_plan import size_in_words
from dd_jax.runtime.precision import require_precision
from dd_jax.runtime.reuse import reused
from dd_jax.system.memory import free
from dd_jax.types import Dataset, InputError, Model, SyntheticSet


def check(config: ConfigDict) -> RunContext:
    """Refuses a config that its data, model or audits do not support.

    Returns:
      The context of the run.

    Raises:
      InputError: the first problem.
    """
    if runs_here():
        _check_devices(config.devices)
        require_precision(config.precision)
    if config.report.tensorboard:
        event_files.require()
    data = dataset(config)
    if config.dp.epsilon:
        require_private(config, data)
    else:
        require_no_keys(config)
    if config.distill.load:
        _check_loaded(config, data)
    elif config.data.zca and runs_here():
        _check_whitening(data)
    built = build_context(config)
    _check_parts(built)
    return built


def _check_parts(built: RunContext) -> None:
    """Refuses audits, a method or variants that do not fit the data or each other."""
    config, data = built.config, built.dataset
    for name, audit in enabled(config).items():
        audit.check(context_of(built, name))
    require_per_class(data, images_per_class(config))
    if not config.distill.load:
        if not learns(config):
            _check_selection(config)
        require_taken(config)
        _check_tiles(config)
    require_teacher(built)
    require_mitigated(config, data)
    if config.backdoor.rate:
        require_backdoor(config, data)
    _initialised(built.model)
    if not config.distill.load:
        method_of(built, config.distill.method)
        if config.audits.privacy.enabled and config.audits.privacy.joint:
            _check_joint(built)
    for changes in transfer_variants(config).values():
        check(configs.override(config, changes, "audits.transfer"))


@reused
def _initialised(model: Model) -> Any:
    """The shapes of a model's parameters; fails where images are too small for it."""
    return jax.eval_shape(model.init, jax.random.key(0))


def _check_devices(count: int) -> None:
    """Refuses a platform that JAX does not find, and more devices than it finds."""
    try:
        jax.devices()
    except Exception as error:  # an assertion where a plug-in is missing
        platforms = jax.config.jax_platforms
        found = str(error).partition(" (set ")[0] or "its plug-in is not installed"
        raise InputError(
            f"JAX_PLATFORMS={platforms}: JAX finds no such devices here ({found}); "
            "unset it, or set JAX_PLATFORMS=cpu"
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
            f"{size_in_words(needed)} of memory, and {size_in_words(available)} are "
            f"free; {advice}data.zca=False"
        )


def _check_selection(config: ConfigDict) -> None:
    """A method that takes real images has nothing to learn or to decode."""
    distill = config.distill
    tiles = "give distill.rded.tiles, or " if distill.method == "rded" else ""
    for key, given in {
        "lr_labels": distill.lr_labels > 0,
        "factor": distill.factor > 1,
        "multi": distill.multi,
    }.items():
        if given:
            raise InputError(
                f"distill.{key}={distill[key]}: {distill.method} takes real images and "
                f"learns none; {tiles if key == 'factor' else ''}take a method that "
                "learns its images"
            )


def _check_tiles(config: ConfigDict) -> None:
    """Refuses to decode by every factor where there is one alone."""
    if config.distill.multi and factor_of(config) == 1:
        raise InputError(
            "distill.multi=True: with one tile an image there is no more to decode; "
            "give distill.factor 2 or 3"
        )


def _check_joint(built: RunContext) -> None:
    distill = built.config.distill
    if not batched_form(distill.method):
        known = [e.name for e in entries("method") if "batched" in e.traits]
        raise InputError(
            f"audits.privacy.joint: distill.method={distill.method} has no joint form; "
            f"take {', '.join(known)}, or joint=False"
        )
    for mitigation in mitigations(built.config):
        raise InputError(
            f"audits.privacy.joint: mitigate.{mitigation} has no joint form; take "
            "joint=False"
        )
    if built.config.mitigate.curvature.weight:
        raise InputError(
            "audits.privacy.joint: mitigate.curvature.weight has no joint form; take "
            "joint=False"
        )
    if built.config.backdoor.rate:
        raise InputError(
            "audits.privacy.joint: a backdoor has no joint form; take joint=False"
        )
    batched_method_of(built, halves=True)


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
    require_views(config, loaded, data)
    if config.sets > 1:
        raise InputError(
            f"sets={config.sets}: {config.distill.load} is one set; take sets=1"
        )


def _turned(loaded: SyntheticSet, shape: tuple[int, ...]) -> str:
    """What to do about channels first, where that is what a set has."""
    if np.moveaxis(loaded.images, 1, -1).shape[1:] == shape:
        return "; its channels come first: store images.transpose(0, 2, 3, 1)"
    return ""
