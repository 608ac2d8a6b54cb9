"""The audit of distribution inference: shares of classes and of groups in train."""

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.privacy.distribution_inference import (
    SHARES,
    accuracy_of_guesses,
    side_of,
    statistics,
    subsets,
    two_most_frequent,
)
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.runtime.keys import integer, named, stack
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import InputError, Params, Split


def check(context: Context) -> None:
    """Refuses data with too few rows for two distributions.

    Raises:
      InputError: a model would have fewer rows of a class than images, or the
        evaluation rows lack one of the two values.
    """
    if context.shadows is None:
        return
    labels, classes = context.dataset.train.labels, context.num_classes
    for name in _properties(context):
        rows = min(
            int(np.bincount(labels[member], minlength=classes).min())
            for member in _members(context, name)
        )
        if rows < context.ipc:
            raise InputError(
                f"audits.distribution: where train has shares of {SHARES[0]:g} and "
                f"{SHARES[1]:g} of one of two {name}, a class has {rows} rows left; "
                f"{context.ipc} are needed"
            )
        if not {0, 1} <= set(_side(context, context.evaluation, name).tolist()):
            raise InputError(
                f"audits.distribution: the evaluation rows lack one of two {name}"
            )


def train(context: Context, pipe: str) -> None:
    """Makes the models that `measure` finds."""
    for name in _properties(context) if context.shadows else ():
        _models(context, pipe, name)


def measure(context: Context) -> dict:
    """Guesses from which of two distributions the rows of each model come.

    The attacker queries one network (T2) with rows of its own, the evaluation rows.

    Returns:
      `{PIPE: {PROPERTY: accuracy_of_guesses}}` with the properties `classes` and, where
      rows have groups, `groups`; empty for a set made elsewhere.
    """
    if context.shadows is None:
        return {}
    return {
        pipe: {name: _accuracy(context, pipe, name) for name in _properties(context)}
        for pipe in context.networks
    }


def _properties(context: Context) -> tuple[str, ...]:
    groups = context.dataset.train.groups
    several = groups is not None and len(np.unique(groups)) > 1
    return ("classes", "groups") if several else ("classes",)


def _values(split: Split, name: str) -> np.ndarray:
    return np.asarray(split.labels if name == "classes" else split.groups)


def _side(context: Context, split: Split, name: str) -> np.ndarray:
    two = two_most_frequent(_values(context.dataset.train, name))
    return side_of(_values(split, name), two)


def _members(context: Context, name: str) -> np.ndarray:
    rows = context.dataset.train
    side = _side(context, rows, name)
    strata = np.zeros_like(side) if name == "classes" else rows.labels
    seed = integer(context.key(f"distributions of {name}"))
    return subsets(side, strata, context.options.models, seed)


def _models(context: Context, pipe: str, name: str) -> Params:
    member = _members(context, name)
    key = named(context.key(f"distributions {pipe}"), name)
    keys = stack(key, len(member))
    return context.shadows.make(pipe, keys, context.dataset.train, member)[1]


def _accuracy(context: Context, pipe: str, name: str) -> dict:
    images, labels, _ = context.evaluation
    models = _models(context, pipe, name)
    logits = logits_of_each(context.model, models, jnp.asarray(images))
    odds = scaled_logits(jnp.asarray(logits)[:, :, None], jnp.asarray(labels))
    side = _side(context, context.evaluation, name)
    return accuracy_of_guesses(statistics(np.asarray(odds[..., 0]), side))


AUDIT = Audit("distribution", check, measure, train)
