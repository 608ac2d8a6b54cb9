"""Poison audit: does a set carry a backdoor, as far as networks and images show?"""

from functools import partial

import numpy as np

from dd_jax.audits.anomaly import anomaly_index
from dd_jax.audits.audit import Audit, Context
from dd_jax.audits.trigger_search import search_triggers
from dd_jax.data.eight_bits import encoding
from dd_jax.runtime.keys import integer
from dd_jax.train import predictions
from dd_jax.types import InputError, Key, Params, SyntheticSet

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
      `classes`, for each `{norm, expected, index, success, disagreement}`: norm and
      success of the smallest trigger found, means over networks; the norm expected from
      networks on random real images, and the anomaly index, null where undefined; and
      the share of its images that networks on the full data take for another class,
      null where it has none. `accused`, the classes whose index is below -`threshold`;
      `threshold`; `images`, `networks` and `references`, clean networks, searched on;
      `disagreement` of all images; `outside`, the share of pixel values outside
      [0, 1], `lowest` and `highest`.
    """
    options, sets = context.options, context.sets
    found = context.cached("triggers", partial(_in_networks_on_sets, context))
    clean = context.cached(
        "clean triggers", partial(_in_clean_networks, context), "random_subset"
    )
    norms = found["norms"].mean(0, dtype=np.float64)
    expected, index = anomaly_index(norms, clean["norms"])
    labels, wrong = _disagreement(context)
    by_class = [wrong[labels == c] for c in range(len(norms))]
    return {
        "classes": [
            {
                "norm": norms[c],
                "expected": expected[c],
                "index": index[c] if np.isfinite(index[c]) else None,
                "success": found["success"].mean(0, dtype=np.float64)[c],
                "disagreement": of.mean() if len(of) else None,
            }
            for c, of in enumerate(by_class)
        ],
        "accused": accused(index, options.threshold),
        "threshold": options.threshold,
        "images": min(options.images, len(context.evaluation.labels)),
        "networks": len(found["norms"]),
        "references": len(clean["norms"]),
        "disagreement": wrong.mean(),
        "outside": encoding(sets.images)["clipped"],
        "lowest": np.min(sets.images),
        "highest": np.max(sets.images),
    }


def accused(index: np.ndarray, threshold: float) -> list[int]:
    """Classes whose smallest trigger is too small to be chance.

    Args:
      index: `f64[k]`, anomaly indices; NaN accuses nobody.
      threshold: of the index on the small side.

    >>> accused(np.array([-4.5, 9.0, 0.0, np.nan]), 3.5)
    [0]
    """
    return np.flatnonzero(index < -threshold).tolist()


def random_rows(key: Key, labels: np.ndarray, ipc: int, count: int) -> np.ndarray:
    """Random rows of each class, `count` times.

    Args:
      key: decides which.
      labels: `i32[n]`, all classes 0..k-1 present.
      ipc: rows a class; one that has fewer repeats them.
      count: r.

    Returns:
      `i64[r k*ipc]`.
    """
    rng = np.random.default_rng(integer(key))
    of_class = [np.flatnonzero(labels == c) for c in range(labels.max() + 1)]
    chosen = lambda: [np.resize(rng.permutation(rows), ipc) for rows in of_class]
    return np.stack([np.concatenate(chosen()) for _ in range(count)])


def _in_networks_on_sets(context: Context) -> dict:
    return _searched(context, context.first_networks("distilled", context.options.nets))


def _in_clean_networks(context: Context) -> dict:
    rows, options = context.dataset.train, context.options
    key = context.key("poison references")
    chosen = random_rows(key, rows.labels, context.ipc, options.references)
    return _searched(context, context.fit(rows, chosen, "poison"))


def _searched(context: Context, params: Params) -> dict:
    options = context.options
    images, labels = context.sample("poison", options.images)
    found = search_triggers(
        context.model,
        params,
        context.key("poison"),
        images,
        labels,
        classes=context.num_classes,
        steps=options.steps,
        weight=options.weight,
    )
    return {"norms": np.asarray(found.norms), "success": np.asarray(found.success)}


def _disagreement(context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Classes of all synthetic images, and how often full data say another, `[m]`."""
    sets: SyntheticSet = context.sets
    images = np.concatenate(np.asarray(sets.images, np.float32))
    labels = np.concatenate(np.asarray(sets.image_classes))
    said = predictions(context.model, context.networks["full_data"], images)
    return labels, (said != labels).mean(0)


AUDIT = Audit("poison", check, measure)
