"""Accuracy against time: sets on the way, each trained on and judged."""

from dd_jax.run import stages as compose
from dd_jax.run.cached import made_once, own
from dd_jax.run.context import Parts, learns
from dd_jax.train import predictions
from dd_jax.types import SyntheticSet


def looks(steps: int, count: int) -> list[int]:
    """Steps at which a distillation is looked at before its end: halves of halves.

    >>> looks(400, 3)
    [50, 100, 200]
    """
    return sorted({steps >> i for i in range(1, count + 1)} - {0})


def measure(parts: Parts, summarise) -> list[dict]:
    """Trains on the sets after half of the steps, a quarter, and so on.

    The distillation goes on from look to look, so that only the training is extra.

    Args:
      parts: of the run.
      summarise: `f64[networks] -> {mean, ci, n}`.

    Returns:
      Rows `{step, seconds, accuracy}` in order; seconds of distillation up to there,
      compilation in, experts out.
    """
    config = parts.config.distill
    if config.load or not learns(parts.config):
        return []
    rows = []
    for step in looks(config.steps, parts.config.audits.learning_curve.eval_steps):
        sets, seconds = _kept(parts, step)
        networks = compose.networks_on_sets(parts, sets)
        rows_of = predictions(parts.model, networks, parts.judged.images)
        accuracy = (rows_of == parts.judged.labels).mean(1)
        found = {"step": step, "seconds": seconds, "accuracy": summarise(accuracy)}
        rows.append(found)
    return rows


def _kept(parts: Parts, step: int) -> tuple[SyntheticSet, float]:
    """The sets after `step` steps: from the file of an earlier attempt, or made."""

    def make() -> dict:
        sets, seconds = compose.synthetic_sets(parts, step)
        return {"sets": sets._asdict(), "seconds": seconds}

    found = made_once(own(parts, "looks") / f"{step}.npz", make)
    return SyntheticSet(**found["sets"]), found["seconds"]
