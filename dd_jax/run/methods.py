"""The distillation method that a config names, with all its options."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from dd_jax.catalogue import arguments, entry, resolve, takes
from dd_jax.catalogue.naming import init_of
from dd_jax.config.sharing import canary_keys
from dd_jax.distill import METHODS, BatchedMethod, Method, batched_form
from dd_jax.distill.base import Experts, Releases
from dd_jax.distill.private import private_form
from dd_jax.distill.traced import Traced, split
from dd_jax.run.cached import cache_dir, stage_loop
from dd_jax.run.context import (
    RunContext,
    augmentation,
    augmentation_of_images,
    images_per_class,
    learns,
)
from dd_jax.run.mitigated import penalty_of, wrapped, wrappers_of
from dd_jax.run.private import released, releases_of
from dd_jax.run.read_data import own_options, public_rows
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import array_digest
from dd_jax.runtime.reuse import reused
from dd_jax.train import trainer
from dd_jax.train.experts import expert_paths
from dd_jax.types import InputError, Model, Split


def _options(run: RunContext, name: str, function: Callable | None = None) -> dict:
    """What the config says of the parameters that a method has, but for `init`."""
    config, data = run.config.distill, run.dataset
    of_images = augmentation_of_images(run)
    of_networks = augmentation(run.config.train.augment, data.mean, data.std)
    shared = {
        "ipc": images_per_class(run.config),
        "train_lr": run.config.train.lr,
        "multi": config.multi,
        "batch_real": config.batch_real,
        "augment": of_images.siamese,
        "augment_student": of_images.independent,
        "augment_net": of_networks.independent,
        "net_steps": config.network.steps,
        "penalty": penalty_of(run.config),
    }
    unless_zero = {  # the method's own where the config says 0
        "lr": config.lr,
        "lr_labels": config.lr_labels,
        "allocation": config.allocation,
        "factor": config.factor,
        "outer_steps": config.network.outer_steps,
        "net_epochs": config.network.epochs,
    }
    shared |= {key: value for key, value in unless_zero.items() if value}
    if run.config.dp.epsilon:
        shared["releases"] = releases_of(run.config, len(data.train.labels))
    if config.distance != "own":
        shared["distance"] = config.distance
    own = own_options(run.config, "method", name)
    given = arguments(entry("method", name), own, shared, function)
    if "ipc" not in given:
        raise InputError(f"method {name!r}: its factory takes no ipc, images per class")
    return given


def method_of(run: RunContext, name: str) -> Method:
    """A method, by the config's options if it is the config's, else by its defaults."""
    config, factory = run.config.distill, METHODS[name]
    if run.config.dp.epsilon and name == config.method:
        factory = private_form(name) or factory
    options = _options(run, name, factory)
    if name != config.method or not learns(run.config):
        kept = {key: options[key] for key in ("ipc", "train_lr") if key in options}
        own = own_options(run.config, "method", name) if name == config.method else {}
        return METHODS[name](run.model, **kept, **own)
    build_method = partial(factory, run.model)
    if not isinstance(made := build_method(**options), Method):
        raise InputError(
            f"method {name!r}: its factory gives a {type(made).__name__}; it must "
            "give a dd_jax.distill.Method"
        )
    wrappers = wrappers_of(run.config, run.dataset)
    constants, values = _traced(name, options)
    make = _maker(factory, run.model, constants, wrappers)
    method = make(values)._replace(traced=Traced(make, values))
    if not takes(factory, "init"):
        return method
    # Steps do not depend on where they start from: all starts share one program.
    started = build_method(**options, init=_init(run))
    return method._replace(init=wrapped(started, run.model, wrappers).init)


def _traced(name: str, options: dict) -> tuple[tuple, dict[str, float]]:
    """Options that are constants of compiled programs, in pairs, and their inputs."""
    names = entry("method", name).traits.get("traced", ())
    constants, values = split(options, names)
    return tuple(constants.items()), values


@reused
def _maker(factory: Callable, model: Model, constants: tuple, wrappers: tuple = ()):
    """`traced.Traced.make` of a factory: a method of its values."""

    def make(values: Mapping[str, Any]) -> Any:
        made = factory(model, **dict(constants), **values)
        return wrapped(made, model, wrappers)

    return make


def _init(run: RunContext) -> Any:
    """The config's initialisation, with its own options if it has any."""
    name, place = init_of(run.config.distill.init)
    given: dict[str, Any] = own_options(run.config, "init", name)
    found, shape = entry("init", name), run.dataset.train.images.shape[1:]
    if place:
        given |= {"public": public_rows(place, shape)}
    if not given:
        return name
    return partial(resolve("init", name), **arguments(found, given, {}))


def experts_of(run: RunContext, data: Split, shadows: bool = False) -> Callable:
    """Trains or finds the experts, or makes the releases, of a distiller of `data`.

    Seconds of networks for `shadows` count apart from those that the run's sets need.
    """
    config, data_of = run.config, run.dataset
    augment = augmentation(config.train.augment, data_of.mean, data_of.std)
    recipe = partial(
        trainer,
        run.model,
        batch=config.train.batch,
        decay="none",
        augment=augment.independent,
    )

    of = "shadow_" if shadows else ""

    def paths(key, rows, wanted: Experts | Releases):
        if isinstance(wanted, Releases):
            return released(run, data, rows, wanted, f"{of}releases")
        canaries = canary_keys(config) if data is not data_of.train else ()
        kind = [np.array(wanted.stored), wanted.count, wanted.lr]
        kind += [] if wanted.plain or wanted.teaches else ["with momentum"]
        part = "teacher" if wanted.teaches else "experts"
        folder = cache_dir(
            run, "experts", *canaries, name=f"{part}_{array_digest(kind)}"
        )
        own = {"momentum": 0.0, "weight_decay": 0.0} if wanted.plain else {}
        own |= {} if wanted.teaches else {"penalty": penalty_of(config)}
        found = expert_paths(
            recipe(**own),
            stack(named(key, part), wanted.count),
            data,
            rows,
            wanted.lr,
            wanted.stored,
            lambda label, place: stage_loop(run, f"{of}{part}", place, label=label),
            folder,
            whole=wanted.teaches,
        )
        return wanted.used(found)

    return paths


def batched_method_of(run: RunContext, halves: bool) -> BatchedMethod:
    """The batched form of the method; with `halves` on a batch twice as large."""
    name = run.config.distill.method
    build = batched_form(name)
    assert build, f"{name} has no batched form"
    options = _options(run, name, build)
    options["batch_real"] *= 2 if halves else 1
    constants, values = _traced(name, options)
    make = _maker(build, run.model, constants)
    return make(values)._replace(traced=Traced(make, values))
