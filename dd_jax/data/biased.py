"""Data sets made uneven: rows thinned by class, and images coloured by class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dd_jax.catalogue.rules import COLOURED, CORRELATION, IMBALANCES, RATIO
from dd_jax.data.colour_bias import colour_split
from dd_jax.data.imbalance import imbalanced_rows
from dd_jax.data.splits import take
from dd_jax.types import InputError, Split


class Bias(NamedTuple):
    """How a data set is made uneven; by default it is not.

    Attributes:
      imbalance: `none`, `long_tail` or `step`, of the training rows of classes.
      imbalance_ratio: rows of the largest class over those of the smallest.
      colour: `none`, or what of a grey image is coloured, `foreground` or `background`.
      correlation: share of the training rows of a class that have its colour.
    """

    imbalance: str = "none"
    imbalance_ratio: float = 10.0
    colour: str = "none"
    correlation: float = 0.9


UNBIASED = Bias()


def biased_name(source: str, bias: Bias) -> str:
    """The name of a source that was made uneven, so that it is taken for no other.

    >>> biased_name("digits", Bias("long_tail", 100, "foreground"))
    'digits (long tail 100, foreground colours 0.9)'
    >>> biased_name("digits", UNBIASED)
    'digits'
    """
    made = []
    if bias.imbalance != "none":
        made.append(f"{bias.imbalance.replace('_', ' ')} {bias.imbalance_ratio:g}")
    if bias.colour != "none":
        made.append(f"{bias.colour} colours {bias.correlation:g}")
    return f"{source} ({', '.join(made)})" if made else source


def check_bias(bias: Bias) -> None:
    """Refuses what is no kind of imbalance or colouring, and numbers out of range.

    Raises:
      InputError: the first of them.
    """
    for key, value, known in (
        ("imbalance", bias.imbalance, IMBALANCES),
        ("colour", bias.colour, COLOURED),
    ):
        if value not in known:
            raise InputError(f"data.{key} is {value!r}; use one of {', '.join(known)}")
    for key, value, rule in (
        ("imbalance_ratio", bias.imbalance_ratio, RATIO),
        ("correlation", bias.correlation, CORRELATION),
    ):
        if not rule.accepts(value):
            raise InputError(f"data.{key} is {value!r}; it must be {rule.words}")


def thinned(
    bias: Bias, seed: int, train: Split, names: Sequence[str], source: str
) -> tuple[Split, tuple[str, ...]]:
    """Training rows by `imbalanced_rows`, and what was done in a line, if anything."""
    if bias.imbalance == "none":
        return train, ()
    kind, ratio = bias.imbalance, bias.imbalance_ratio
    rows = imbalanced_rows(seed, train.labels, kind, ratio, source, names)
    kept = take(train, rows)
    counts = np.bincount(kept.labels)
    note = (
        f"train made imbalanced ({kind.replace('_', ' ')}, ratio {ratio:g}): from "
        f"{counts.max()} to {counts.min()} rows a class"
    )
    return kept, (note,)


def in_colours(
    bias: Bias, seed: int, train: Split, evaluated: Sequence[Split | None], classes: int
) -> tuple[Split, list[Split | None], tuple[str, ...]]:
    """Splits by `colour_split`, and what was done in a line, if anything.

    Those that networks are evaluated on, validation as well as test, have each colour
    alike often in every class.
    """
    if bias.colour == "none":
        return train, list(evaluated), ()
    colour = lambda split, rho: colour_split(seed, split, classes, rho, bias.colour)
    note = (
        f"{bias.colour} coloured: {100 * bias.correlation:.0f} % of train and "
        f"{100 / classes:.0f} % of the evaluated rows of a class have its colour"
    )
    balanced = [split and colour(split, 1 / classes) for split in evaluated]
    return colour(train, bias.correlation), balanced, (note,)
