"""The study's claims as tests; what was known when: see `dd_jax.report.claims`.

Source of the claims: Chen et al., "A comprehensive study on dataset distillation:
performance, privacy, robustness and fairness", arXiv 2305.03355, 2023.
"""

from typing import NamedTuple

from dd_jax.report.claims import quantities
from dd_jax.report.claims.quantities import Quantity

ACCURACY = 0.05  # smallest difference of accuracies of interest
AUC = 0.02  # and of AUCs: single runs with 16 targets resolve about 0.01

FALLS = "falls"  # along ordered levels, from the first to the last
MOVES = "moves"  # along ordered levels, either way
DIFFERS = "differs"  # between unordered levels
MORE = "more"  # a difference that is above zero
NOT_LESS = "not less"  # a difference that is not below zero, of any level


class Claim(NamedTuple):
    """A sentence of the study, and its tests.

    Attributes:
      letter: names it.
      text: what is claimed.
    """

    letter: str
    text: str


class Registered(NamedTuple):
    """One test of a claim.

    Attributes:
      name: of the test, for tables.
      claim: whose test it is.
      quantity: which value of a Record.
      kind: the shape that is claimed.
      factor: run key whose levels are compared, all other keys equal; None for a
        single mean.
      smallest: effect of interest, above 0; what is surely smaller is negligible.
      unit: `points` (of accuracy) or `AUC`.
    """

    name: str
    claim: Claim
    quantity: Quantity
    kind: str
    factor: str | None
    smallest: float
    unit: str


FAIRNESS = Claim(
    "a",
    "Class-wise unfairness grows as the synthetic set gets smaller relative to the "
    "data, and is beyond the full data's.",
)
MEMBERSHIP = Claim(
    "b", "Membership risk moves with ratio, initialisation and number of classes."
)
ROBUSTNESS = Claim("c", "Robustness moves by method, and does not always go down.")
NO_SHIELD = Claim(
    "d", "Distilled data are no privacy shield, against a random subset and full data."
)
CLAIMS = (FAIRNESS, MEMBERSHIP, ROBUSTNESS, NO_SHIELD)

_q, _points, _auc = quantities, (ACCURACY, "points"), (AUC, "AUC")
TESTS = (
    Registered(
        "class gap falls as the ratio rises",
        FAIRNESS,
        _q.class_gap,
        FALLS,
        "ipc",
        *_points,
    ),
    Registered(
        "class gap is beyond full data's",
        FAIRNESS,
        _q.class_gap_beyond_full,
        MORE,
        None,
        *_points,
    ),
    Registered(
        "AUC moves with the ratio", MEMBERSHIP, _q.membership_auc, MOVES, "ipc", *_auc
    ),
    Registered(
        "AUC differs by initialisation",
        MEMBERSHIP,
        _q.membership_auc,
        DIFFERS,
        "init",
        *_auc,
    ),
    Registered(
        "AUC moves with the number of classes",
        MEMBERSHIP,
        _q.membership_auc,
        MOVES,
        "num_classes",
        *_auc,
    ),
    Registered(
        "robust accuracy differs by method",
        ROBUSTNESS,
        _q.robust_accuracy,
        DIFFERS,
        "method",
        *_points,
    ),
    Registered(
        "robust accuracy of some method is not below full data's",
        ROBUSTNESS,
        _q.robust_accuracy_above_full,
        NOT_LESS,
        "method",
        *_points,
    ),
    Registered(
        "AUC is not below a random subset's",
        NO_SHIELD,
        _q.auc_above_subset,
        NOT_LESS,
        None,
        *_auc,
    ),
    Registered(
        "AUC is not below full data's",
        NO_SHIELD,
        _q.auc_above_full,
        NOT_LESS,
        None,
        *_auc,
    ),
)
