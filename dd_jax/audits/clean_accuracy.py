"""Accuracy of a run's networks on clean images, and by class."""

from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.audits.fairness import per_class_accuracy


def measure(context: Context) -> dict:
    """Accuracy of each pipeline on the evaluation rows.

    Returns:
      `{PIPE: {mean, ci, n, per_class[k]}}`; `per_class` is the mean over networks.
    """
    labels = context.evaluation.labels
    part = {}
    for pipe in context.networks:
        predicted = context.predictions(pipe)
        by_class = per_class_accuracy(predicted, labels, context.num_classes).mean(0)
        estimate = context.estimate(pipe, (predicted == labels).mean(1))
        part[pipe] = estimate | {"per_class": by_class.tolist()}
    return part


AUDIT = Audit("accuracy", no_check, measure)
