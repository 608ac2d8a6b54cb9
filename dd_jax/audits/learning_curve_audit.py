"""Learning curve: accuracy of networks on the sets of earlier steps, against time."""

from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.train import predictions


def halving_steps(steps: int, count: int) -> list[int]:
    """Steps before the last whose sets are evaluated: `steps / 2^i`, i = 1..count.

    >>> halving_steps(400, 3)
    [50, 100, 200]
    """
    return sorted({steps >> i for i in range(1, count + 1)} - {0})


def measure(context: Context) -> list[dict]:
    """Trains networks on the sets after a half of the steps, a quarter, and so on.

    Returns:
      Rows `{step, seconds, accuracy {mean, ci, n}}` in order, the last of the finished
      sets; `seconds` of distillation up to there, compilation included, experts not.
      Empty where there are no earlier steps: for a method that learns nothing and for
      a set made elsewhere.
    """
    images, labels, _ = context.evaluation
    if len(context.sets_at) < 2:
        return []
    rows = []
    for step, (sets, seconds) in sorted(context.sets_at.items()):
        if step == max(context.sets_at):
            predicted = context.predictions("distilled")
        else:
            networks = context.train(sets, "learning_curve")
            predicted = predictions(context.model, networks, images)
        accuracy = context.estimate("distilled", (predicted == labels).mean(1))
        rows.append({"step": step, "seconds": seconds, "accuracy": accuracy})
    return rows


AUDIT = Audit("learning_curve", no_check, measure)
