"""Attacks that set their own steps, by name: CW, DeepFool, FAB, APGD, Square; noise."""

from dd_jax.attacks import ensemble
from dd_jax.attacks.apgd import auto_pgd
from dd_jax.attacks.attack import Attack
from dd_jax.attacks.boundary import deepfool_search, fast_adaptive_boundary
from dd_jax.attacks.carlini_wagner import carlini_wagner
from dd_jax.attacks.constraints import ball_of, l2
from dd_jax.attacks.noise import uniform_noise
from dd_jax.attacks.restarts import attack_by_distance, attack_in_ball
from dd_jax.attacks.square import square_search
from dd_jax.types import Array


def cw_l2(
    eps: Array,
    *,
    steps: int = 200,
    searches: int = 9,
    learning_rate: float = 0.05,
) -> Attack:
    """Carlini and Wagner's L2 attack; see `carlini_wagner`.

    Args:
      eps: L2 radius in pixel units.
      steps: of Adam in each search, static.
      searches: over the weight of the misclassification term, static.
      learning_rate: of Adam on the inverse hyperbolic tangent of the pixels.
    """
    ball = l2(eps)
    how = {"steps": steps, "searches": searches, "learning_rate": learning_rate}
    return attack_by_distance(ball, carlini_wagner(ball, **how))


def deepfool(
    eps: Array, *, norm: str = "l2", steps: int = 50, overshoot: float = 0.02
) -> Attack:
    """Steps to the nearest linearised class boundary; see `deepfool_search`.

    Args:
      eps: radius in pixel units.
      norm: `l2` or `linf`.
      steps: number of steps, static.
      overshoot: factor beyond the boundary, less 1.
    """
    ball = ball_of(norm, eps, ("linf", "l2"))
    how = {"steps": steps, "overshoot": overshoot}
    return attack_by_distance(ball, deepfool_search(ball, **how))


def fab_t(
    eps: Array, *, norm: str = "linf", steps: int = 100, targets: int = ensemble.TARGETS
) -> Attack:
    """Targeted fast adaptive boundary attack; see `fast_adaptive_boundary`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps for each target class, static.
      targets: number of target classes, the most likely wrong ones.
    """
    ball = ball_of(norm, eps)
    how = {"steps": steps, "targets": targets}
    return attack_by_distance(ball, fast_adaptive_boundary(ball, **how))


def apgd_ce(
    eps: Array, *, norm: str = "linf", steps: int = 100, restarts: int = 1
) -> Attack:
    """Auto-PGD on the cross-entropy; see `auto_pgd`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps, static.
      restarts: random starts, static.
    """
    return _auto_pgd("ce", eps, norm, steps=steps, restarts=restarts)


def apgd_dlr(
    eps: Array, *, norm: str = "linf", steps: int = 100, restarts: int = 1
) -> Attack:
    """Auto-PGD on the difference of logits ratio; see `auto_pgd` and `dlr`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps, static.
      restarts: random starts, static.
    """
    return _auto_pgd("dlr", eps, norm, steps=steps, restarts=restarts)


def apgd_t(
    eps: Array, *, norm: str = "linf", steps: int = 100, targets: int = ensemble.TARGETS
) -> Attack:
    """Auto-PGD on the targeted ratio; see `auto_pgd` and `targeted_dlr`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps for each target class, static.
      targets: number of target classes, the most likely wrong ones.
    """
    return _auto_pgd("targeted_dlr", eps, norm, steps=steps, targets=targets)


def _auto_pgd(loss: str, eps: Array, norm: str, **how: int) -> Attack:
    ball = ball_of(norm, eps)
    return attack_in_ball(ball, auto_pgd(ball, loss, **how), "ascent")


def square(eps: Array, *, norm: str = "linf", steps: int = 5000) -> Attack:
    """Random search with square windows, without gradients; see `square_search`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: queries, static.
    """
    ball = ball_of(norm, eps)
    return attack_in_ball(ball, square_search(ball, steps=steps), "search")


def noise(eps: Array, *, norm: str = "linf", steps: int = 100) -> Attack:
    """The best of `steps` random points of the ball; see `uniform_noise`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: random draws, static.
    """
    ball = ball_of(norm, eps)
    return attack_in_ball(ball, uniform_noise(ball, steps=steps), "sampling")


def autoattack(
    eps: float,
    *,
    norm: str = "linf",
    version: str = "standard",
    steps: int = 100,
    queries: int = 5000,
    batch: int = 256,
) -> Attack:
    """APGD, FAB and Square in turn on the images still right; see `ensemble`.

    Its settings are those of its first part, APGD on the cross-entropy; `parts` has
    those of each.

    Args:
      eps: radius in pixel units, concrete.
      norm: `linf`, `l2` or `l1`.
      version: `standard`, `plus` or `rand`.
      steps: of APGD and FAB.
      queries: of Square.
      batch: largest number of examples attacked at once.
    """
    how = {"steps": steps, "queries": queries}
    run_components = ensemble.components_in_turn(eps, norm, version, batch=batch, **how)
    parts = ensemble.component_settings(eps, norm, version, **how)
    return Attack(
        lambda *task: run_components(*task)[0],
        ball_of(norm, eps),
        next(iter(parts.values())),
        "ensemble",
        on_host=True,
        run_components=run_components,
        parts=parts,
    )
