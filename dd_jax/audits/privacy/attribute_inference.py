"""Attribute inference: does a network tell a property of a row that is no label."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def inferred(
    known: np.ndarray, known_groups: np.ndarray, seen: np.ndarray, groups: np.ndarray
) -> float:
    """How well the groups of some rows are inferred from what a network says of them.

    A logistic regression learns from the attacker's own rows, whose groups it knows,
    all groups with the same weight, and guesses those of other rows.

    Args:
      known: `f[n d]`, what the network says of the attacker's rows.
      known_groups: `i[n]`, at least two different ones.
      seen: `f[m d]`, the same of the rows under attack.
      groups: `i[m]`, theirs.

    Returns:
      The mean over groups of the share of their rows that is guessed right; one over
      the number of groups by chance.

    Source: Song and Shmatikov 2020, "Overlearning reveals sensitive attributes", on
    representations of a network. Differs in: a linear attack; balanced accuracy.

    >>> sides = np.array([0, 1, 0, 1])
    >>> inferred(sides[:, None] + 0.1, sides, sides[:, None], sides)
    1.0
    """
    attack = make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=200)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        attack.fit(known, known_groups)
    right = attack.predict(seen) == groups
    return float(np.mean([right[groups == each].mean() for each in np.unique(groups)]))
