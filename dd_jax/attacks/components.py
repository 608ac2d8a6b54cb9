"""The attacks that AutoAttack is made of, by name, each as independent runs."""

from collections.abc import Callable

from dd_jax.attacks.apgd import apgd
from dd_jax.attacks.boundary import fab
from dd_jax.attacks.constraints import Constraint
from dd_jax.attacks.objectives import cross_entropy, dlr, targeted_dlr
from dd_jax.attacks.rounds import Rounds
from dd_jax.attacks.square import square

TARGETS = 9  # wrong classes that a targeted attack tries by default, where there are


def apgd_ce(ball: Constraint, *, steps: int, restarts: int = 1, eot: int = 0) -> Rounds:
    """Auto-PGD on the cross-entropy; arguments as of `apgd.apgd`."""
    loss = lambda logits, label, target: cross_entropy(logits, label)
    rounds = apgd(ball, loss, steps=steps, restarts=restarts, eot=eot)
    return _raising("ce", rounds)


def apgd_dlr(
    ball: Constraint, *, steps: int, restarts: int = 1, eot: int = 0
) -> Rounds:
    """Auto-PGD on the difference of logits ratio; arguments as of `apgd.apgd`."""
    loss = lambda logits, label, target: dlr(logits, label)
    rounds = apgd(ball, loss, steps=steps, restarts=restarts, eot=eot)
    return _raising("dlr", rounds)


def apgd_t(ball: Constraint, *, steps: int, targets: int = TARGETS) -> Rounds:
    """Auto-PGD on the targeted ratio, one run a wrong class; see `apgd.apgd`."""
    rounds = apgd(ball, targeted_dlr, steps=steps, targets=targets)
    return _raising("targeted_dlr", rounds)


def fab_t(ball: Constraint, *, steps: int, targets: int = TARGETS) -> Rounds:
    """Targeted fast adaptive boundary attack, one run a wrong class; see `fab`."""
    return fab(ball, steps=steps, targets=targets)


def _raising(loss: str, rounds: Rounds) -> Rounds:
    return rounds._replace(settings=rounds.settings._replace(loss=loss))


COMPONENTS: dict[str, Callable[..., Rounds]] = {
    "apgd_ce": apgd_ce,
    "apgd_dlr": apgd_dlr,
    "apgd_t": apgd_t,
    "fab": fab,
    "fab_t": fab_t,
    "square": square,
}
