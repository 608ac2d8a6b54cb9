"""The audit of attribute inference: groups of training rows from what networks say."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.privacy.attribute_inference import inferred
from dd_jax.runtime.keys import integer, stack
from dd_jax.train.evaluate import features_of_each, logits_of_each
from dd_jax.types import Array, InputError, Model, Params, Split

_UNTRAINED = 3  # networks

View = Callable[[Model, Params, Array], Array]


def check(context: Context) -> None:
    """Refuses data without two groups in train and in the evaluation rows.

    Raises:
      InputError: says what is missing.
    """
    splits = {"training": context.dataset.train, "evaluation": context.evaluation}
    for rows, split in splits.items():
        if split.groups is None:
            raise InputError(
                "audits.attributes: the data have no groups; give group_train and "
                "group_test, or audits.attributes.enabled=False"
            )
        if len(np.unique(split.groups)) < 2:
            raise InputError(f"audits.attributes: all {rows} rows are of one group")


def measure(context: Context) -> dict:
    """Infers the groups of training rows, which no network was trained to tell.

    The attacker knows the groups of the evaluation rows. It queries one network
    (outputs), or sees the input of its last layer (features), as where a network is
    split between two parties.

    Returns:
      `{PIPE: {"outputs", "features", "features of untrained networks"}}`, estimates of
      `attribute_inference.inferred`; the last is what the images themselves tell.
    """
    model = context.model
    splits = context.evaluation, context.dataset.train
    known, seen = (_some(context, split) for split in splits)

    def rates(pipe: str, networks: Params, view: View) -> dict:
        each = [
            np.asarray(view(model, networks, jnp.asarray(split.images)))
            for split in (known, seen)
        ]
        values = [inferred(a, known.groups, b, seen.groups) for a, b in zip(*each)]
        return context.estimate(pipe, np.array(values))

    untrained = jax.vmap(model.init)(stack(context.key("untrained"), _UNTRAINED))
    of_images = rates("full_data", untrained, features_of_each)
    return {
        pipe: {
            "outputs": rates(pipe, networks, _outputs),
            "features": rates(pipe, networks, features_of_each),
            "features of untrained networks": of_images,
        }
        for pipe, networks in context.networks.items()
    }


def _some(context: Context, split: Split) -> Split:
    """At most `audits.attributes.rows` rows, of all groups."""
    rng = np.random.default_rng(integer(context.key("rows of attributes")))
    rows = rng.permutation(len(split.labels))[: context.options.rows]
    first = np.unique(split.groups, return_index=True)[1]
    rows = np.union1d(rows, first)
    return Split(split.images[rows], split.labels[rows], np.asarray(split.groups)[rows])


def _outputs(model: Model, params: Params, images: Array) -> Array:
    return jax.nn.log_softmax(logits_of_each(model, params, images))


AUDIT = Audit("attributes", check, measure)
