"""Backdoor audit: what the trigger does that a run has put into its own sets."""

import jax
import numpy as np

from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.data.trigger import Trigger, stamped
from dd_jax.runtime.stacked import row
from dd_jax.train import predictions
from dd_jax.types import Params


def measure(context: Context) -> dict:
    """Attack success rate and clean accuracy; nothing where there is no trigger.

    Success is the share of evaluation images of the other classes that a network takes
    for the target once they have the trigger, on the distilled networks each the
    trigger of its set, else the first one.

    Returns:
      `target`, `size` of the patch, and `{success, accuracy}` of each pipeline's
      networks, `{mean, ci, n}`.
    """
    if context.trigger is None:
        return {}
    labels = context.evaluation.labels
    of_pipe = lambda pipe: {
        "success": context.estimate(pipe, success(context, context.trigger, pipe)),
        "accuracy": context.estimate(
            pipe, (context.predictions(pipe) == labels).mean(1)
        ),
    }
    patches, target = context.trigger
    facts = {"target": target, "size": patches.shape[1]}
    return facts | {pipe: of_pipe(pipe) for pipe in context.networks}


def success(context: Context, trigger: Trigger, pipe: str) -> np.ndarray:
    """Attack success rate of each network of a pipeline, `f64[s]`."""
    images, labels, _ = context.evaluation
    pixels = images[labels != trigger.target] / np.float32(255)
    patches = trigger.patches if pipe == "distilled" else trigger.patches[:1]
    shares = [
        _taken(context, params, stamped(pixels, patch), trigger.target)
        for params, patch in zip(_by_set(context.networks[pipe], len(patches)), patches)
    ]
    return np.concatenate(shares)


def _taken(context: Context, params: Params, images, target: int) -> np.ndarray:
    return (predictions(context.model, params, images) == target).mean(1)


def _by_set(networks: Params, sets: int) -> list[Params]:
    """Networks of each set; those of one set follow one another."""
    split = jax.tree.map(lambda a: a.reshape(sets, -1, *a.shape[1:]), networks)
    return [row(split, i) for i in range(sets)]


AUDIT = Audit("backdoor", no_check, measure)
