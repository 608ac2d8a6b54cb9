"""Robustness, transfer and common corruptions of a run's networks."""

from collections.abc import Callable
from functools import partial

import jax
import numpy as np

from dd_jax.audits import corruptions, robustness
from dd_jax.audits.robustness import Curve
from dd_jax.catalogue import arguments, entry
from dd_jax.catalogue.naming import attack_of
from dd_jax.run import stages as compose
from dd_jax.run import transference
from dd_jax.run.cached import kept, of_baseline, own, summarised
from dd_jax.run.context import Parts, norm_of, own_options
from dd_jax.run.transference import CHUNK
from dd_jax.run.variants import undefended
from dd_jax.runtime.keys import integer
from dd_jax.system.progress import progress, shown
from dd_jax.types import Params, SyntheticSet

Keep = Callable[[str, Callable[[], dict]], dict]


def measure(parts: Parts, networks: dict[str, Params], sets: SyntheticSet) -> dict:
    """The parts of a Record that disturb images, as far as the config asks for them.

    Args:
      parts: of the run.
      networks: pipeline -> parameters with a leading axis.
      sets: the synthetic sets, on which the distilled pipeline was trained.

    Returns:
      `robustness`, `transfer` and `corruptions`, or less.
    """
    audits, record = parts.config.audits, {}
    brought: dict[tuple[str, str], Curve] = {}
    if audits.transfer.enabled:
        nets = {
            pipe: _attacked_nets(parts, params, pipe)
            for pipe, params in networks.items()
        }
        rows = _attacked_rows(parts)
        record["transfer"], brought = transference.measure(parts, nets, sets, *rows)
    if audits.robustness.enabled:
        onto = lambda pipe: {a: curve for (a, b), curve in brought.items() if b == pipe}
        record["robustness"] = {
            pipe: _robustness(parts, networks, pipe, onto(pipe)) for pipe in networks
        }
    if audits.corruptions.enabled:
        record["corruptions"] = _corruptions(parts, networks)
    return record


def _robustness(
    parts: Parts, networks: dict[str, Params], pipe: str, brought: dict[str, Curve]
) -> dict:
    """Attacks the first networks of a pipeline on a fixed sample of the judged rows."""
    audit = parts.config.audits.robustness
    nets = _attacked_nets(parts, networks[pipe], pipe)
    images, labels = _attacked_rows(parts)
    keep = _keeper(parts, pipe)
    attack = _attack_on(parts, pipe, nets, keep)
    curves = {}
    for spec in shown(audit.attacks, f"attacks, {pipe}"):
        eps = audit[f"eps_{norm_of(spec)}"]
        curves[spec] = attack("attack", spec, eps, drop=audit.sequential_radii)
    distances = {
        spec: curve.distances
        for spec, curve in curves.items()
        if curve.distances is not None
    }
    data = parts.model.apply, nets, images, labels
    key = parts.key(f"behaviour {pipe}")
    look = partial(robustness.behaviour, key, *data, chunk=CHUNK)
    found = keep("behaviour", lambda: look()._asdict())
    further: dict = {"behaviour": robustness.Behaviour(**found)}
    if audit.checks:
        plain = _attack_on(parts, pipe, _undefended(parts, networks), keep)
        with progress(f"checks of attacks, {pipe}", 1):
            further |= robustness.reruns(attack, curves)
            fallen = plain("undefended", "pgd_linf", [robustness.UNDEFENDED])
        further["undefended"] = {"pgd_linf": fallen}
    if audit.checks and not distances:
        key = parts.key(f"distances {pipe}")
        measured = partial(robustness.minimal_distances, key, "deepfool", *data)
        distances = keep("distances", lambda: {"deepfool": measured(chunk=CHUNK)})
    return robustness.record(
        curves,
        summarised(parts, pipe),
        labels,
        len(parts.dataset.class_names),
        distances=distances,
        transferred=brought,
        **further,
    )


def _attack_on(
    parts: Parts, pipe: str, nets: Params, keep: Keep
) -> Callable[..., Curve]:
    """An attack on some networks, `(purpose, name, eps, **settings) -> Curve`.

    Its name may hold a norm and a version, and the config gives its steps; each purpose
    and name has a key of its own. What it leaves is kept: a baseline is attacked once
    for several runs.
    """
    audit, rows = parts.config.audits.robustness, _attacked_rows(parts)

    def attack(purpose, spec, eps, **settings):
        name, chosen = attack_of(spec)
        own = own_options(parts.config, "attack", name)
        given = arguments(entry("attack", name), own, audit.to_dict())
        task = parts.key(f"{purpose} {pipe} {spec}"), name, parts.model.apply, nets
        how = given | chosen | settings
        make = partial(
            robustness.epsilon_curve, *task, *rows, np.array(eps), chunk=CHUNK, **how
        )
        return Curve(**keep(f"{purpose} {spec}", lambda: make()._asdict()))

    return attack


def _keeper(parts: Parts, pipe: str) -> Keep:
    """Keeps each attack on the networks of a pipeline, `(name, make) -> made`.

    A baseline's lie where other runs find them.
    """
    folder = (
        own(parts, pipe)
        if pipe == "distilled"
        else of_baseline(parts, pipe, "audits.robustness", "train.full")
    )

    def keep(name: str, make: Callable[[], dict]) -> dict:
        file = name.replace(" ", "_").replace(":", "_") + ".npz"
        return kept(parts, "robustness", folder / "attacks" / file, make)

    return keep


def _undefended(parts: Parts, networks: dict[str, Params]) -> Params:
    """A network on the full data that was not trained against attacks."""
    plain = undefended(parts)
    nets = networks["full_data"]
    if plain is not parts:
        nets = compose.networks_on_full_data(plain)
    return jax.tree.map(lambda leaf: leaf[:1], nets)


def _attacked_nets(parts: Parts, params: Params, pipe: str) -> Params:
    """The first networks of each set."""
    sets = parts.config.sets if pipe == "distilled" else 1
    most = parts.config.audits.robustness.nets
    first = lambda leaf: leaf.reshape(sets, -1, *leaf.shape[1:])[:, :most]
    return jax.tree.map(lambda leaf: first(leaf).reshape(-1, *leaf.shape[1:]), params)


def _attacked_rows(parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """The judged rows that are attacked, the same ones for all networks."""
    most = parts.config.audits.robustness.images
    return _some_judged(parts, "attacked rows", most)


def _some_judged(parts: Parts, name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """A fixed sample of the judged rows, at most so many: pixels and labels."""
    judged = parts.judged
    rng = np.random.default_rng(integer(parts.key(name)))
    count = min(most, len(judged.labels))
    rows = np.sort(rng.choice(len(judged.labels), count, replace=False))
    return judged.images[rows] / np.float32(255), judged.labels[rows]


def _corruptions(parts: Parts, networks: dict[str, Params]) -> dict:
    """All networks on the same corrupted images."""
    most = parts.config.audits.corruptions.images
    images, labels = _some_judged(parts, "corrupted rows", most)
    found: dict[str, dict] = {pipe: {} for pipe in networks}
    for name in shown(corruptions.SEEN, "corruptions"):
        path = own(parts, "corruptions") / f"{name}.npz"
        task = parts.key("corruptions"), parts.model, networks, name, images, labels
        make = partial(corruptions.corruption_accuracy, *task)
        for pipe, values in kept(parts, "corruptions", path, make).items():
            found[pipe][name] = values
    summarise = lambda pipe, values: summarised(parts, pipe)(values)
    return corruptions.record(found, len(labels), summarise)
