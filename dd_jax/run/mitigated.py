"""What is wrapped around a method: mitigations, what they need, and a backdoor."""

from typing import Any

import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import entry, names, resolve, takes
from dd_jax.catalogue.method_traits import matches_real, selects
from dd_jax.catalogue.rules import FAIR_FORMS
from dd_jax.distill.wrappers import MITIGATIONS, poisoned
from dd_jax.run.context import require_matches
from dd_jax.train.curvature import Penalty, curvature_penalty
from dd_jax.types import Dataset, InputError, Model, Split

OFF = {  # what changes a set while it is made -> the value without it
    "backdoor.rate": 0.0,
    "mitigate.robust.eps": 0.0,
    "mitigate.curvature.weight": 0.0,
    "mitigate.fair.form": "none",
    "distill.allocation": (),
}
_WRAPPERS = MITIGATIONS | {"backdoor": poisoned}


def mitigations(config: ConfigDict) -> list[str]:
    """Names of those that are on.

    >>> from dd_jax import config
    >>> changes = {"mitigate.fair.form": "fairdd"}
    >>> mitigations(config.override(config.default(), changes, "example"))
    ['fair']
    """
    on = {
        "robust": config.mitigate.robust.eps > 0,
        "fair": config.mitigate.fair.form != "none",
    }
    return [name for name in MITIGATIONS if on[name]]


def unsupported(config: ConfigDict, method: str) -> dict[str, Any]:
    """Overrides that turn off what a method does not take.

    >>> from dd_jax import config
    >>> sorted(unsupported(config.default(), "random"))[:2]
    ['backdoor.rate', 'distill.allocation']
    """
    matching, fair = matches_real(method), config.mitigate.fair.form
    taken = {
        "backdoor.rate": matching,
        "mitigate.robust.eps": matching,
        "mitigate.curvature.weight": takes_penalty(method),
        "mitigate.fair.form": fair == "none" or fair in fair_forms(method),
        "distill.allocation": takes(resolve("method", method), "allocation"),
    }
    return {key: off for key, off in OFF.items() if not taken[key]}


def wrappers_of(config: ConfigDict, data: Dataset) -> tuple:
    """What is on, in the order in which it wraps, each with its settings.

    Pairs of a name and of pairs of a setting and its value, so that they can be a key.
    """
    found = {name: dict(config.mitigate[name]) for name in mitigations(config)}
    if "fair" in found:
        found["fair"]["groups"] = group_count(data.train)
    if config.backdoor.rate:
        found["backdoor"] = dict(config.backdoor)
    return tuple((name, tuple(settings.items())) for name, settings in found.items())


def wrapped(method: Any, model: Model, wrappers: tuple) -> Any:
    """A method with what `wrappers_of` gives around it."""
    for name, settings in wrappers:
        method = _WRAPPERS[name](method, model, **dict(settings))
    return method


def penalty_of(config: ConfigDict) -> Penalty | None:
    """What the networks that a method learns from have added to their losses."""
    weight = config.mitigate.curvature.weight
    distance = config.mitigate.curvature.distance
    return curvature_penalty(weight, distance) if weight else None


def takes_penalty(method: str) -> bool:
    """Whether a method learns from networks that can have a penalty.

    >>> takes_penalty("dsa"), takes_penalty("mtt"), takes_penalty("dm")
    (True, True, False)
    """
    follows = entry("method", method).traits.get("follows_experts")
    own = takes(resolve("method", method), "penalty")
    return own or bool(follows and not selects(method))


def fairness_of(config: ConfigDict, data: Dataset) -> dict[str, Any]:
    """`fair` of the Record's `run` part; empty where groups had no part in the set."""
    fair = config.mitigate.fair
    if fair.form == "none":
        return {}
    by_class = fair.form == "dro" and fair.over == "classes"
    return (
        {"form": fair.form}
        | ({} if by_class else {"groups": group_count(data.train)})
        | ({"over": fair.over, "eta": fair.eta} if fair.form == "dro" else {})
    )


def group_count(rows: Split) -> int:
    """Groups of some rows; 0 where they have none."""
    return 0 if rows.groups is None else len(np.unique(rows.groups))


def fair_forms(method: str) -> tuple[str, ...]:
    """Forms of fair distillation that a method has.

    >>> fair_forms("frepo"), fair_forms("mtt")
    (('balanced',), ())
    """
    if entry("method", method).traits.get("matches_means", False):
        return FAIR_FORMS
    return ("balanced",) if matches_real(method) else ()


def require_mitigated(config: ConfigDict, data: Dataset) -> None:
    """Refuses mitigations that the method or the data do not support.

    Raises:
      InputError: the first problem.
    """
    method, values = config.distill.method, configs.flat(config)
    if load := config.distill.load:
        for key, off in OFF.items():
            if values[key] != off:
                given = f"{key}={values[key]}"
                raise InputError(f"{given}: {load} is made already; take {off}")
        return
    if config.mitigate.robust.eps:
        require_matches(method, "mitigate.robust.eps", "attacked")
    if config.mitigate.curvature.weight and not takes_penalty(method):
        others = ", ".join(name for name in names("method") if takes_penalty(name))
        raise InputError(
            f"mitigate.curvature.weight: {method} learns from no network whose loss "
            f"could have it; take one of {others}"
        )
    if config.distill.allocation:
        _require_allocation(config.distill, data)
    if config.distill.init == "balanced":
        _require_groups("distill.init=balanced", "init=real", data)
    fair = config.mitigate.fair
    if fair.over == "classes" and fair.form not in ("none", "dro"):
        raise InputError(
            f"mitigate.fair.over=classes: form={fair.form} weighs groups; take form=dro"
        )
    if fair.form == "none":
        return
    if fair.form not in fair_forms(method):
        others = ", ".join(n for n in names("method") if fair.form in fair_forms(n))
        raise InputError(
            f"mitigate.fair.form={fair.form}: {method} has no such form; take one of "
            f"{others}"
        )
    if fair.over == "groups":
        _require_groups(f"mitigate.fair.form={fair.form}", "form=none", data)


def _require_allocation(distill: ConfigDict, data: Dataset) -> None:
    given, classes = distill.allocation, len(data.class_names)
    total = distill.ipc * classes
    if not takes(resolve("method", distill.method), "allocation"):
        raise InputError(
            f"distill.allocation: {distill.method} has as many images of each class"
        )
    if len(given) != classes:
        raise InputError(
            f"distill.allocation has {len(given)} classes; {data.name} has {classes}"
        )
    if sum(given) != total:
        raise InputError(
            f"distill.allocation gives {sum(given)} images; distill.ipc={distill.ipc} "
            f"of {classes} classes are {total}, which must be the same"
        )


def _require_groups(given: str, otherwise: str, data: Dataset) -> None:
    rows = data.train
    if rows.groups is None:
        raise InputError(
            f"{given}: {data.name} has no groups; take data.groups=clusters:K, "
            "data.colour, or an npz: file with group_train and group_test"
        )
    cells = np.unique(np.stack([rows.labels, rows.groups]), axis=1)
    if np.bincount(cells[0]).max() < 2:
        raise InputError(
            f"{given}: no class of {data.name} has training rows of two groups, so "
            f"that there is nothing to balance; take {otherwise}"
        )
