"""The robustness audit of a run: attacks on its networks, and checks of the attacks."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np

from dd_jax.attacks import ATTACKS, Attack
from dd_jax.audits import robustness
from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.transfer_audit import networks_of, transferred
from dd_jax.catalogue import arguments, entry
from dd_jax.catalogue.naming import attack_of
from dd_jax.system.progress import progress, shown
from dd_jax.types import InputError, Params

SHARED = ("steps", "adaptive_steps", "queries", "draws")  # options of several attacks


def norm_of(spec: str, options: SimpleNamespace) -> str:
    """The norm of an attack that the options name, as they build it.

    Raises:
      InputError: what is built is no attack, or one of a norm without radii.
    """
    name, settings = _built_with(spec, options)
    attack = ATTACKS[name](eps=0.0, **settings)
    if not isinstance(attack, Attack):
        raise InputError(
            f"attack {name!r}: its factory gives a {type(attack).__name__}; it must "
            "give a dd_jax.attacks.Attack"
        )
    if not hasattr(options, f"eps_{attack.ball.name}"):
        raise InputError(
            f"attack {name!r}: no radii for the norm {attack.ball.name!r}; there are "
            "linf, l2 and l1"
        )
    return attack.ball.name


def _built_with(spec: str, options: SimpleNamespace) -> tuple[str, dict]:
    """The name of an attack that the options name, and all that it is built with."""
    name, chosen = attack_of(spec)
    own = vars(getattr(options, name, SimpleNamespace()))
    shared = {key: getattr(options, key) for key in SHARED}
    return name, arguments(entry("attack", name), own, shared) | chosen


def check(context: Context) -> None:
    """Refuses attacks that cannot be built, and checks that cannot be made.

    Those need an ascent to run again, and a radius above 0 for it.
    """
    options = context.options
    norms = {spec: norm_of(spec, options) for spec in options.attacks}
    if not options.checks:
        return
    again = robustness.ascents(norms)
    if not again:
        raise InputError(
            f"audits.robustness.checks: none of the attacks {list(options.attacks)} "
            "can be run again for it; add pgd_linf, pgd_l2, apgd_ce or apgd_dlr"
        )
    for norm in again:
        if not any(getattr(options, f"eps_{norm}")):
            raise InputError(
                f"audits.robustness.eps_{norm} holds no radius above 0, which "
                "audits.robustness.checks needs"
            )


def measure(context: Context) -> dict:
    """Attacks the first networks of each pipeline on a fixed sample of images.

    Where the transfer audit is on, its images are evidence for the checks.

    Returns:
      `{PIPE: part}`, see `dd_jax.audits.robustness.record`.
    """
    other, curves = context.of("transfer"), {}
    if other.options.enabled:
        curves = transferred(other, networks_of(other))
    return {
        pipe: _of_pipeline(
            context, pipe, {a: curve for (a, b), curve in curves.items() if b == pipe}
        )
        for pipe in context.networks
    }


def _of_pipeline(
    context: Context, pipe: str, transferred_curves: dict[str, Curve]
) -> dict:
    options = context.options
    networks = context.first_networks(pipe, options.nets)
    images, labels = context.sample("attacked rows", options.images)
    groups = context.evaluation.groups
    if groups is not None:
        groups = groups[context.sampled_rows("attacked rows", options.images)]
    task = context.model.apply, networks, images, labels
    chunk = robustness.attacked_at_once(*task[:3], context.num_classes)
    attack = _attack_on(context, pipe, networks)
    curves = {}
    for spec in shown(options.attacks, f"attacks, {pipe}"):
        eps = getattr(options, f"eps_{norm_of(spec, options)}")
        curves[spec] = attack("attack", spec, eps, drop=options.sequential_radii)
    key = context.key(f"behaviour {pipe}")
    measure_behaviour = partial(robustness.behaviour, key, *task, chunk=chunk)
    found = context.cached("behaviour", lambda: measure_behaviour()._asdict(), pipe)
    evidence: dict = {"behaviour": robustness.Behaviour(**found)}
    if options.checks:
        evidence |= _further_evidence(context, pipe, attack, curves)
    distances = {
        spec: curve.distances
        for spec, curve in curves.items()
        if curve.distances is not None
    }
    if options.checks and not distances:
        key = context.key(f"distances {pipe}")
        measured = partial(robustness.minimal_distances, key, "deepfool", *task)
        make = lambda: {"deepfool": measured(chunk=chunk)}
        distances = context.cached("distances", make, pipe)
    return robustness.record(
        curves,
        partial(context.estimate, pipe),
        labels,
        context.num_classes,
        groups=groups,
        distances=distances,
        transferred=transferred_curves,
        **evidence,
    )


def _further_evidence(
    context: Context, pipe: str, attack: Callable, curves: dict[str, Curve]
) -> dict:
    """Attacks run again, and PGD on a network that was trained without attacks."""
    one = jax.tree.map(lambda leaf: leaf[:1], context.undefended())
    on_undefended = _attack_on(context, pipe, one)
    with progress(f"checks of attacks, {pipe}", 1):
        evidence: dict = robustness.reruns(attack, curves)
        found = on_undefended("undefended", "pgd_linf", [robustness.UNDEFENDED])
    return evidence | {"undefended": {"pgd_linf": found}}


def _attack_on(context: Context, pipe: str, networks: Params) -> Callable[..., Curve]:
    """An attack on some networks, `(purpose, name, eps, **settings) -> Curve`.

    Its name may hold a norm and a version, and the options give its steps; each purpose
    and name has a key of its own. What it finds is cached: a baseline is attacked once
    for several runs.
    """
    options = context.options
    rows = context.sample("attacked rows", options.images)

    def attack(purpose, spec, eps, **settings):
        name, given = _built_with(spec, options)
        key = context.key(f"{purpose} {pipe} {spec}")
        task = key, name, context.model.apply, networks, *rows, np.array(eps)
        how = given | settings
        copies = max(len(eps), context.num_classes)
        chunk = robustness.attacked_at_once(*task[2:4], rows[0], copies)
        make = partial(robustness.epsilon_curve, *task, chunk=chunk, **how)
        found = context.cached(f"{purpose} {spec}", lambda: make()._asdict(), pipe)
        return Curve(**found)

    return attack


AUDIT = Audit("robustness", check, measure)
