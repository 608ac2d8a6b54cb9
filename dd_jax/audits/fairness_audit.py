"""The fairness audit of a run: accuracy of classes and groups of each pipeline."""

from functools import partial

from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.fairness import equalised_odds, per_class_accuracy, record


def check(context: Context) -> None:
    """Refuses groups that no class has two of."""
    labels, groups = context.evaluation.labels, context.evaluation.groups
    if groups is not None:
        equalised_odds(labels, labels, groups, context.num_classes)


def measure(context: Context) -> dict:
    """The fairness of each pipeline, `{PIPE: record(...)}`."""
    _, labels, groups = context.evaluation
    classes = context.num_classes
    full = per_class_accuracy(context.predictions("full_data"), labels, classes)
    return {
        pipe: record(
            context.predictions(pipe),
            labels,
            classes,
            partial(context.estimate, pipe),
            groups=groups,
            full=None if pipe == "full_data" else full.mean(0),
        )
        for pipe in context.networks
    }


AUDIT = Audit("fairness", check, measure)
