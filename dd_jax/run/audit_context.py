"""What a run gives to its audits, before it has computed anything and afterwards."""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dd_jax.audits import learning_curve_audit
from dd_jax.audits.audit import ON_ROWS, PIPES, Audit, Context, Shadows
from dd_jax.catalogue import entry, names, resolve
from dd_jax.catalogue.naming import init_of
from dd_jax.config.sharing import audit_keys
from dd_jax.run import control_networks, shadow_stages, stages
from dd_jax.run.cached import cache_dir, cached, estimate, run_dir
from dd_jax.run.context import RunContext, factor_of, images_per_class, learns
from dd_jax.run.own_backdoor import trigger_of
from dd_jax.run.variants import undefended_networks, variant_networks
from dd_jax.system import disk
from dd_jax.system.notice import notice
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import Array, Params, Split, SyntheticSet

_NOT_KEPT = {"cached": lambda name, make, pipe="": make(), "save": lambda *_: None}


class Results(NamedTuple):
    """What a run has made when its audits start.

    Attributes:
      sets: the synthetic sets, with a leading axis.
      sets_at: step -> (sets, seconds), see `stages.sets_by_step`.
      networks: PIPE -> parameters with a leading axis.
      logits: `PIPE -> f32[s n k]` on the evaluation images.
      variants: `() -> {name: (Model, params)}`, see `variants.variant_networks`.
      undefended: `() -> params`, see `variants.undefended_networks`.
      curves: what audits leave for `curves.json`, by name.
    """

    sets: SyntheticSet
    sets_at: dict[int, tuple[SyntheticSet, float]]
    networks: dict[str, Params]
    logits: Callable[[str], np.ndarray]
    variants: Callable[[], dict]
    undefended: Callable[[], Params]
    curves: dict[str, Any]


def results_of(
    run: RunContext,
    sets: SyntheticSet,
    sets_at: dict[int, tuple[SyntheticSet, float]],
    networks: dict[str, Params],
) -> Results:
    """The results of a run; those that take time are computed once, when used."""
    images = jnp.asarray(run.evaluation.images)
    logits = lambda pipe: np.asarray(logits_of_each(run.model, networks[pipe], images))
    return Results(
        sets,
        sets_at,
        networks,
        cache(logits),
        cache(partial(variant_networks, run, sets)),
        cache(partial(undefended_networks, run, networks["full_data"])),
        {},
    )


def enabled(config: ConfigDict) -> dict[str, Audit]:
    """The audits that a config asks for by their names, in the catalogue's order."""
    return {
        name: resolve("audit", name)
        for name in names("audit")
        if getattr(options_of(config, name), "enabled", True)
    }


def options_of(config: ConfigDict, name: str) -> SimpleNamespace:
    """The settings of an audit as attributes."""
    return _attributes(config.audits.get(name, {}))


def _attributes(tree: Any) -> SimpleNamespace:
    nested = lambda value: isinstance(value, ConfigDict | dict)
    return SimpleNamespace(
        **{k: _attributes(v) if nested(v) else v for k, v in tree.items()}
    )


def eval_steps(config: ConfigDict) -> list[int]:
    """Steps of distillation before the last that enabled audits ask for."""
    options = (options_of(config, name) for name in enabled(config))
    counts = (getattr(of, "eval_steps", 0) for of in options)
    return learning_curve_audit.halving_steps(
        config.distill.steps, max(counts, default=0)
    )


def say_advice(run: RunContext, keep: bool = True) -> None:
    """Prints what the audits say of the data, a line each, once in a process.

    Args:
      run: the run.
      keep: what they find, in its folders; False where the run may not be made.
    """
    for name, audit in enabled(run.config).items():
        kept = {"cached": partial(_cached, run, name), "save": partial(_save, run)}
        given = context_of(run, name)._replace(**kept if keep else _NOT_KEPT)
        for line in audit.advise(given):
            _say_once(run.cache, f"{name}: {line}")


@lru_cache(maxsize=1000)
def _say_once(place: Path, line: str) -> None:
    """Prints a line to stderr, for all runs that share what is cached at a place."""
    notice(line)


def context_of(run: RunContext, name: str, results: Results | None = None) -> Context:
    """What an audit is given.

    Args:
      run: the run.
      name: of the audit.
      results: of the run; None before it has computed anything.
    """
    before = Context(
        options=options_of(run.config, name),
        dataset=run.dataset,
        evaluation=run.evaluation,
        model=run.model,
        key=run.key,
        of=lambda other: context_of(run, other, results),
        ipc=images_per_class(run.config),
        shadows=None if run.config.distill.load else _shadows(run),
        delta=run.config.dp.delta if run.config.dp.epsilon else 0.0,
    )
    if results is None:
        return before
    in_set = results.sets.images.shape[1]
    return before._replace(
        sets=results.sets,
        networks=results.networks,
        sets_at=results.sets_at,
        logits=results.logits,
        estimate=partial(estimate, run),
        cached=partial(_cached, run, name),
        train=partial(stages.networks_on_sets, run),
        variants=results.variants,
        undefended=results.undefended,
        learn=partial(control_networks.watched_networks, run),
        fit=partial(control_networks.networks_on_some_rows, run),
        random_images=partial(control_networks.random_images, run, in_set),
        unaugmented=partial(control_networks.unaugmented_networks, run, results.sets),
        save=partial(_save, run),
        save_curves=results.curves.__setitem__,
        trigger=trigger_of(run),
        folder=run.folder,
    )


def _save(run: RunContext, file: str, content: bytes) -> None:
    disk.replace(run.folder / file, content)


def _cached(
    run: RunContext,
    audit: str,
    name: str,
    make: Callable[[], dict],
    pipe: str = "distilled",
) -> dict:
    """`cached.cached` for an audit; runs share what it finds of a baseline."""
    if pipe == "distilled":
        folder = run_dir(run, audit)
    else:
        folder = cache_dir(run, pipe, *audit_keys(audit)) / audit
    file = name.replace(" ", "_").replace(":", "-") + ".npz"
    return cached(run, audit, folder / file, make)


def _shadows(run: RunContext) -> Shadows:
    starts = (pipe for pipe in PIPES if _starts_from_random_rows(run.config, pipe))
    ipc = images_per_class(run.config)

    def make(
        pipe: str, keys: Array, data: Split, *rows: np.ndarray, joint: bool = False
    ) -> tuple[SyntheticSet | None, Params]:
        halves = 2 * rows[0].sum() <= rows[0].size
        pipeline = shadow_stages.shadow_pipeline(
            run, pipe, data, joint=joint, halves=halves
        )
        sets, trained = pipeline.many(keys, *rows)
        return sets, trained.params

    return Shadows(
        random_starts={pipe: ipc * _tiles(run.config, pipe) for pipe in starts},
        flips="flip" in run.config.train.augment,
        make=make,
        early=partial(stages.early_networks, run),
        retrain=partial(shadow_stages.shadow_networks, run),
    )


def _starts_from_random_rows(config: ConfigDict, pipe: str) -> bool:
    distill = config.distill
    if pipe == "distilled" and distill.allocation:
        return False  # not as many of each class
    if pipe == "distilled" and learns(config):
        found = entry("init", init_of(distill.init)[0])
    else:
        found = entry("method", distill.method if pipe == "distilled" else "random")
    return found.traits.get("random_rows", False) and pipe not in ON_ROWS


def _tiles(config: ConfigDict, pipe: str) -> int:
    """How many real images the first version of a stored image is made from."""
    return factor_of(config) ** 2 if pipe == "distilled" else 1
