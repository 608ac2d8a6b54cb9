"""The transfer audit of a run: adversarial images of each network on all others."""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from dd_jax.audits import transfer
from dd_jax.audits.robustness import Curve
from dd_jax.run import stages as compose
from dd_jax.run.cached import kept, own, summarised
from dd_jax.run.context import Parts
from dd_jax.run.variants import others, varied
from dd_jax.system.progress import shown
from dd_jax.types import Array, Params, SyntheticSet

ATTACK = "pgd_linf"
CHUNK = 50  # images attacked at once


def measure(
    parts: Parts,
    attacked: dict[str, Params],
    sets: SyntheticSet,
    images: Array,
    labels: Array,
) -> tuple[list[dict], dict[tuple[str, str], Curve]]:
    """PGD's images of each pipeline, architecture and method on those of all others.

    Args:
      parts: of the run.
      attacked: pipeline -> networks, with a leading axis.
      sets: the synthetic sets of the run, from which other architectures learn.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.

    Returns:
      The `transfer` part of the Record, and its curves by `(source, target)`.
    """
    audit = parts.config.audits
    apply = parts.model.apply
    groups = {pipe: transfer.Networks(apply, nets) for pipe, nets in attacked.items()}
    for name, changes in others(parts.config).items():
        groups[name] = _networks(parts, name, changes, sets)
    radii, how = np.array(audit.robustness.eps_linf), {"steps": audit.robustness.steps}
    curves: dict[tuple[str, str], Curve] = {}
    for i, source in enumerate(shown(groups, "transfer of attacks")):
        key = jax.random.fold_in(parts.key("transfer"), i)
        task = key, ATTACK, source, groups, images, labels, radii
        make = partial(transfer.curves_from, *task, chunk=CHUNK, **how)
        path = own(parts, "transfer") / f"{i}.npz"
        found = kept(parts, "transfer", path, partial(_as_dicts, make))
        curves |= {(source, target): Curve(**of) for target, of in found.items()}

    def summarise(target: str, values: np.ndarray) -> dict:
        ours = target in audit.transfer.architectures
        return summarised(parts, "distilled" if ours else target)(values)

    return transfer.record(curves, ATTACK, groups, summarise), curves


def _as_dicts(make: Callable[[], dict[str, Curve]]) -> dict[str, dict]:
    return {target: curve._asdict() for target, curve in make().items()}


def _networks(
    parts: Parts, name: str, changes: dict, sets: SyntheticSet
) -> transfer.Networks:
    """Networks of a variant of the run: on the run's sets, or on a set of its own."""
    variant = varied(parts, f"transfer {name}", changes)
    if "model.name" not in changes:
        sets, _ = compose.synthetic_sets(variant)
    params = compose.networks_on_sets(variant, sets)
    parts.cost.count("transfer", variant.folder, sum(variant.cost.seconds.values()))
    return transfer.Networks(variant.model.apply, jax.tree.map(np.asarray, params))
