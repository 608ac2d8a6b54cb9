"""Poison audit: does a set carry a backdoor, as far as networks and images show?"""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from dd_jax.audits.anomaly import anomaly_index
from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.trigger_search import search_triggers
from dd_jax.data.eight_bits import encoding
from dd_jax.train import predictions
from dd_jax.types import InputError, SyntheticSet

_LEAST = 3  # classes among which one can stand out


def check(context: Context) -> None:
    """Refuses data of so few classes that none can stand out."""
    if context.num_classes < _LEAST:
        raise InputError(
            f"audits.poison: {context.num_classes} classes; it compares each class "
            f"with the others and needs at least {_LEAST}"
        )


def measure(context: Context) -> dict:
    """Looks for a backdoor in the networks trained on the sets, and in the images.

    Returns:
      `classes`, for each `{norm, reference, relative, index, success, disagreement}`:
      norm and success of the smallest trigger found, means over networks; the norm in
      networks on the random subset; the norm by `relative_sizes`, and the anomaly index
      of that, null where undefined; and the share of its images that networks on the
      full data take for another class, null where it has none. `accused`, the classes
      whose relative size is below `threshold`; `threshold`; `images` and `networks`
      searched on; `disagreement` of all images; `outside`, the share of pixel values
      outside [0, 1], `lowest` and `highest`.
    """
    options, sets = context.options, context.sets
    found = context.cached("triggers", partial(_searched, context))
    norms, reference = (
        found[key].mean(0, dtype=np.float64) for key in ("norms", "reference")
    )
    relative = relative_sizes(norms, reference)
    index = anomaly_index(relative)
    labels, wrong = _disagreement(context)
    by_class = [wrong[labels == c] for c in range(len(norms))]
    return {
        "classes": [
            {
                "norm": norms[c],
                "reference": reference[c],
                "relative": relative[c],
                "index": index[c] if np.isfinite(index[c]) else None,
                "success": found["success"].mean(0, dtype=np.float64)[c],
                "disagreement": of.mean() if len(of) else None,
            }
            for c, of in enumerate(by_class)
        ],
        "accused": accused(relative, options.threshold),
        "threshold": options.threshold,
        "images": min(options.images, len(context.evaluation.labels)),
        "networks": len(found["norms"]),
        "disagreement": wrong.mean(),
        "outside": encoding(sets.images)["clipped"],
        "lowest": np.min(sets.images),
        "highest": np.max(sets.images),
    }


def relative_sizes(norms: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Sizes of triggers by those in clean networks, over the median class.

    `q_c / median(q)` with `q_c = norm_c / reference_c`. Some classes have small
    triggers in any network; the reference takes that out.

    Args:
      norms: `f64[k]`, in networks on the set.
      reference: `f64[k]`, in networks on as many real images.

    Returns:
      `f64[k]`, 1 for the median class.

    >>> relative_sizes([6.0, 9.0, 12.0], [12.0, 9.0, 12.0]).tolist()
    [0.5, 1.0, 1.0]
    """
    quotients = np.asarray(norms, np.float64) / np.asarray(reference, np.float64)
    return quotients / np.median(quotients)


def accused(relative: np.ndarray, threshold: float) -> list[int]:
    """Classes whose smallest trigger is too small to be chance.

    Args:
      relative: `f64[k]`, as `relative_sizes` gives them.
      threshold: the least size of a class that is not accused.

    >>> accused(np.array([0.7, 1.2, 0.8]), 0.8)
    [0]
    """
    return np.flatnonzero(relative < threshold).tolist()


def _searched(context: Context) -> dict:
    options = context.options
    images, labels = context.sample("poison", options.images)
    search = lambda pipe: search_triggers(
        context.model,
        context.first_networks(pipe, options.nets),
        context.key("poison"),
        images,
        labels,
        classes=context.num_classes,
        steps=options.steps,
        weight=options.weight,
    )
    found = search("distilled")
    return {
        "norms": np.asarray(found.norms),
        "success": np.asarray(found.success),
        "reference": np.asarray(search("random_subset").norms),
    }


def _disagreement(context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Classes of all synthetic images, and how often full data say another, `[m]`."""
    sets: SyntheticSet = context.sets
    images = np.concatenate(np.asarray(sets.images, np.float32))
    labels = np.concatenate(np.asarray(sets.image_classes))
    said = predictions(context.model, context.networks["full_data"], images)
    return labels, (said != labels).mean(0)


AUDIT = Audit("poison", check, measure)
