"""Robustness, transfer and common corruptions of a run's networks."""

from functools import partial
from pathlib import Path

import jax
import numpy as np
from tqdm import tqdm

from dd_jax.attacks import describe
from dd_jax.audits import corruptions, robustness, transfer
from dd_jax.audits.robustness import Curve
from dd_jax.keys import integer
from dd_jax.parts import Parts
from dd_jax.stages import kept, of_baseline, own, summarised
from dd_jax.types import Params

TRANSFERRED = "pgd_linf"


def measure(parts: Parts, networks: dict[str, Params]) -> dict:
    """The parts of a Record that disturb images, as far as the config asks for them.

    Args:
      parts: of the run.
      networks: pipeline -> parameters with a leading axis.

    Returns:
      `robustness`, `transfer` and `corruptions`, or less.
    """
    audits, record = parts.config.audits, {}
    brought: dict[tuple[str, str], Curve] = {}
    if audits.transfer.enabled:
        record["transfer"], brought = _transfer(parts, networks)
    if audits.robustness.enabled:
        onto = lambda pipe: {a: curve for (a, b), curve in brought.items() if b == pipe}
        record["robustness"] = {
            pipe: kept(
                parts,
                "robustness",
                _folder(parts, pipe, alone=not brought),
                partial(_robustness, parts, params, pipe, onto(pipe)),
            )
            for pipe, params in networks.items()
        }
    if audits.corruptions.enabled:
        record["corruptions"] = _corruptions(parts, networks)
    return record


def _folder(parts: Parts, pipe: str, *, alone: bool) -> Path:
    """Baselines that nothing was brought to are attacked once for several runs."""
    if pipe == "distilled" or not alone:
        return own(parts, pipe)
    return of_baseline(parts, pipe, "audits.robustness")


def _robustness(
    parts: Parts, params: Params, pipe: str, brought: dict[str, Curve]
) -> dict:
    """Attacks the first networks of a pipeline on a fixed sample of the judged rows."""
    audit = parts.config.audits.robustness
    images, labels = _some_judged(parts, "attacked rows", audit.images)
    nets = _attacked_nets(parts, params, pipe)
    data = parts.model.apply, nets, images, labels

    def attack(purpose, name, eps, **settings):
        key, eps = parts.key(f"{purpose} {pipe} {name}"), np.array(eps)
        return robustness.epsilon_curve(key, name, *data, eps, chunk=50, **settings)

    curves = {}
    for name in tqdm(audit.attacks, desc=f"attacks {pipe}", disable=None):
        eps = audit.eps_l2 if describe(name, 0.0)["norm"] == "l2" else audit.eps_linf
        plain = name.startswith("pgd") or name == "mim"
        settings = {"steps": audit.steps} if plain else {}
        curves[name] = attack("attack", name, eps, drop=audit.drop, **settings)
    further: dict = {"transferred": brought}
    if audit.checks:
        key = parts.key(f"distances {pipe}")
        found = robustness.minimal_distances(key, "deepfool", *data, chunk=50)
        further["distances"] = {"deepfool": found}
        further |= robustness.reruns(attack, curves)
    classes = len(parts.dataset.class_names)
    return robustness.record(
        curves, summarised(parts, pipe), labels, classes, **further
    )


def _attacked_nets(parts: Parts, params: Params, pipe: str) -> Params:
    """The first networks of each set."""
    sets = parts.config.sets if pipe == "distilled" else 1
    most = parts.config.audits.robustness.nets
    first = lambda leaf: leaf.reshape(sets, -1, *leaf.shape[1:])[:, :most]
    return jax.tree.map(lambda leaf: first(leaf).reshape(-1, *leaf.shape[1:]), params)


def _transfer(parts: Parts, networks: dict[str, Params]) -> tuple[list, dict]:
    """PGD's images of each pipeline on the others: the Record and the curves."""
    audit = parts.config.audits.robustness
    groups = {
        pipe: transfer.Networks(parts.model.apply, _attacked_nets(parts, params, pipe))
        for pipe, params in networks.items()
    }
    curves = transfer.transfer_curves(
        parts.key("transfer"),
        TRANSFERRED,
        groups,
        *_some_judged(parts, "attacked rows", audit.images),
        np.array(audit.eps_linf),
        chunk=50,
        steps=audit.steps,
    )
    summarise = lambda pipe, values: summarised(parts, pipe)(values)
    return transfer.record(curves, TRANSFERRED, groups, summarise), curves


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
    found = corruptions.corruption_accuracy(
        parts.key("corruptions"), parts.model, networks, images, labels
    )
    summarise = lambda pipe, values: summarised(parts, pipe)(values)
    return corruptions.record(found, len(labels), summarise)
