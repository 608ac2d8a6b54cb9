"""How much each stage of a run computes, in passes of one image."""

from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from dd_jax.catalogue.method_traits import selects
from dd_jax.run.context import images_per_class
from dd_jax.types import Dataset, InputError

_FORWARD = 1 / 3  # of a pass: no gradient
_INPUT = 2 / 3  # of a pass: a gradient in the image alone
_PIPES = 3  # distilled, random subset, full data


class Counts(NamedTuple):
    """Rows to train on and to evaluate on, classes, and rows of the smallest class."""

    train: int
    evaluation: int
    classes: int
    smallest: int


def counts_of(data: Dataset) -> Counts:
    """The counts of a data set."""
    seen = data.evaluation
    of_class = np.bincount(data.train.labels, minlength=len(data.class_names))
    return Counts(
        len(data.train.labels), len(seen.labels), len(of_class), int(of_class.min())
    )


def set_size(config: ConfigDict, counts: Counts) -> int:
    """Synthetic images of a run."""
    return counts.classes * images_per_class(config)


def passes(config: ConfigDict, counts: Counts) -> dict[str, float]:
    """Passes of each stage, for distribution matching, selection and loaded sets.

    A pass is one image forward and backward through the network with the gradient of
    its parameters. Counted are convolutions alone: k b / 3 + m for a step of
    distribution matching (k classes, b real images of each, m synthetic ones), m for
    an epoch on a set, a third for a prediction and two thirds for a step of an attack.

    Args:
      config: of the run.
      counts: of its data.

    Returns:
      `{stage: passes}` by the names of `cost` in the Record; what a run shares with
      others, `random_subset`, `full_data` and the shadows of both, under names of
      their own.

    Raises:
      InputError: another method.
    """
    method, train = config.distill.method, config.train
    privacy, attacks = config.audits.privacy, config.audits.robustness
    n, queries, k, _ = counts
    m, loaded = set_size(config, counts), config.distill.load
    distil = config.distill.steps * (k * config.distill.batch_real * _FORWARD + m)
    if loaded or selects(method):
        distil = 0.0
    elif method != "dm":
        raise InputError(
            f"distill.method={method}: its time is not foreseen; take dm or one that "
            "selects images"
        )
    on_set = config.sets * train.nets * train.epochs * m
    found = {
        "distill": config.sets * distil,
        "train": on_set,
        "quantization": on_set * config.audits.quantization.enabled,
        "random_subset": train.nets * train.epochs * m,
        "full_data": train.full_nets * train.full_epochs * n,
        "evaluation": _PIPES * train.nets * queries * _FORWARD,
    }
    if privacy.enabled and not loaded:
        rows = min(privacy.rows or n, n)
        views = (1 + ("flip" in train.augment)) * (1 + 2 * privacy.query_shift) ** 2
        to_query = privacy.shadows * rows * views * _FORWARD
        on_half = privacy.shadows * privacy.epochs * m
        found |= {
            "shadow_distill": privacy.shadows * distil,
            "shadows": on_half + to_query,
            "random_subset_shadows": on_half + to_query,
            "full_data_shadows": privacy.shadows * train.full_epochs * n / 2 + to_query,
        }
    if attacks.enabled:
        radii = {"fgsm": 1, "pgd_linf": attacks.steps, "pgd_l2": attacks.steps}
        steps = sum(radii.get(spec, attacks.adaptive_steps) for spec in attacks.attacks)
        each = attacks.nets * min(attacks.images, queries) * len(attacks.eps_linf)
        found["robustness"] = _PIPES * each * steps * _INPUT
    return found
