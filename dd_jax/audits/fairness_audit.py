"""The fairness audit of a run: accuracy of classes and groups of each pipeline."""

from functools import partial

import numpy as np

from dd_jax.audits import fairness, group_fairness
from dd_jax.audits.amplification import amplification
from dd_jax.audits.audit import Audit, Context

_REFERENCES = {  # what pipelines are compared with
    "distilled": ("full_data", "random_subset"),
    "random_subset": ("full_data",),
    "dp_sgd": ("full_data",),
}


def check(context: Context) -> None:
    """Refuses groups that no class has two of."""
    labels, groups = context.evaluation.labels, context.evaluation.groups
    if groups is not None:
        group_fairness.equalised_odds(labels, labels, groups, context.num_classes)


def measure(context: Context) -> dict:
    """The fairness of each pipeline.

    Returns:
      `{PIPE: part}`: what `fairness.record` and, where rows have groups,
      `group_fairness.record` give, and `amplification{REFERENCE}`, from full data and,
      of distilled sets, from the random subset too.
    """
    labels, classes = context.evaluation.labels, context.num_classes
    accuracy = {
        pipe: fairness.per_class_accuracy(context.predictions(pipe), labels, classes)
        for pipe in context.networks
    }
    return {pipe: _of_pipeline(context, pipe, accuracy) for pipe in accuracy}


def _of_pipeline(context: Context, pipe: str, accuracy: dict[str, np.ndarray]) -> dict:
    summarise = partial(context.estimate, pipe)
    known = [name for name in _REFERENCES.get(pipe, ()) if name in accuracy]
    means = {name: accuracy[name].mean(0) for name in known}
    part = fairness.record(
        accuracy[pipe],
        summarise,
        full=means.get("full_data"),
        subset=means.get("random_subset"),
    )
    own = context.units(pipe, accuracy[pipe])
    if known:
        part["amplification"] = {
            name: amplification(own, context.units(name, accuracy[name]))
            for name in known
        }
    _, labels, groups = context.evaluation
    if groups is None:
        return part
    given = context.predictions(pipe), labels, groups, context.num_classes
    return part | group_fairness.record(*given, summarise)


AUDIT = Audit("fairness", check, measure)
