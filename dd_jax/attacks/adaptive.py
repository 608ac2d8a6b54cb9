"""Attacks that set their own steps, from CW to AutoAttack, and noise."""

from dd_jax.attacks import boundary, components, ensemble
from dd_jax.attacks import noise as random_noise
from dd_jax.attacks.attack import Attack
from dd_jax.attacks.carlini_wagner import carlini_wagner
from dd_jax.attacks.chain import LogitsFn
from dd_jax.attacks.constraints import Constraint, ball_of, l2
from dd_jax.attacks.rounds import Rounds, best_of, minimiser, select
from dd_jax.types import Array, Key


def _minimal(ball: Constraint, rounds: Rounds) -> Attack:
    """The example found where it lies in the ball, elsewhere the clean image."""
    minimise = minimiser(rounds)

    def run(key: Key, logits_fn: LogitsFn, images: Array, labels: Array) -> Array:
        found, distance = minimise(key, logits_fn, images, labels)
        return select(distance <= ball.eps, found, images)

    return Attack(run, ball, rounds.settings, minimise=minimise)


def _in_ball(ball: Constraint, rounds: Rounds) -> Attack:
    search = best_of(rounds)
    run = lambda key, logits_fn, *data: search(key, logits_fn, *data)[0]
    return Attack(run, ball, rounds.settings)


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
    return _minimal(ball, carlini_wagner(ball, **how))


def deepfool(
    eps: Array, *, norm: str = "l2", steps: int = 50, overshoot: float = 0.02
) -> Attack:
    """Walk to the nearest linearised class boundary; see `boundary.deepfool`.

    Args:
      eps: radius in pixel units.
      norm: `l2` or `linf`.
      steps: number of steps, static.
      overshoot: how far beyond the boundary.
    """
    ball = ball_of(norm, eps, ("linf", "l2"))
    return _minimal(ball, boundary.deepfool(ball, steps=steps, overshoot=overshoot))


def fab_t(
    eps: Array, *, norm: str = "linf", steps: int = 100, targets: int = 9
) -> Attack:
    """Targeted fast adaptive boundary attack; see `boundary.fab`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps, static.
      targets: most likely wrong classes tried.
    """
    ball = ball_of(norm, eps)
    return _minimal(ball, components.fab_t(ball, steps=steps, targets=targets))


def apgd_ce(
    eps: Array, *, norm: str = "linf", steps: int = 100, restarts: int = 1
) -> Attack:
    """Auto-PGD on the cross-entropy; see `apgd.apgd`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps, static.
      restarts: random starts, static.
    """
    ball = ball_of(norm, eps)
    return _in_ball(ball, components.apgd_ce(ball, steps=steps, restarts=restarts))


def apgd_dlr(
    eps: Array, *, norm: str = "linf", steps: int = 100, restarts: int = 1
) -> Attack:
    """Auto-PGD on the difference of logits ratio; see `apgd.apgd` and `losses.dlr`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps, static.
      restarts: random starts, static.
    """
    ball = ball_of(norm, eps)
    return _in_ball(ball, components.apgd_dlr(ball, steps=steps, restarts=restarts))


def apgd_t(
    eps: Array, *, norm: str = "linf", steps: int = 100, targets: int = 9
) -> Attack:
    """Auto-PGD on the targeted ratio; see `apgd.apgd` and `losses.targeted_dlr`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: number of steps for each target, static.
      targets: most likely wrong classes tried.
    """
    ball = ball_of(norm, eps)
    return _in_ball(ball, components.apgd_t(ball, steps=steps, targets=targets))


def square(eps: Array, *, norm: str = "linf", steps: int = 5000) -> Attack:
    """Random search with square windows, without gradients; see `square.square`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: queries, static.
    """
    ball = ball_of(norm, eps)
    return _in_ball(ball, components.square(ball, steps=steps))


def noise(eps: Array, *, norm: str = "linf", steps: int = 100) -> Attack:
    """Points drawn from the ball, of which the best counts; see `noise.noise`.

    Args:
      eps: radius in pixel units.
      norm: `linf`, `l2` or `l1`.
      steps: draws, static.
    """
    ball = ball_of(norm, eps)
    return _in_ball(ball, random_noise.noise(ball, steps=steps))


def autoattack(
    eps: float,
    *,
    norm: str = "linf",
    version: str = "standard",
    steps: int = 100,
    queries: int = 5000,
    batch: int = 256,
) -> Attack:
    """APGD, FAB and Square in turn on what still stands; see `ensemble.autoattack`.

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
    traced = ensemble.autoattack(
        eps, norm, version, steps=steps, queries=queries, batch=batch
    )
    run = lambda *task: traced(*task)[0]
    parts = ensemble.parts(eps, norm, version, steps=steps, queries=queries)
    first = next(iter(parts.values()))
    ball = ball_of(norm, eps)
    return Attack(run, ball, first, on_host=True, traced=traced, parts=parts)
