"""The thresholds of the decision: each number, its amber and red bound, and why."""

from typing import NamedTuple


class Threshold(NamedTuple):
    """Two bounds of a number of which more is worse.

    Attributes:
      name: of the number; its config keys are `decision.NAME.amber` and `.red`.
      check: which of the three checks it is part of.
      what: the number, in a few words.
      amber: largest value that is green.
      red: largest value that is amber.
      least: smallest bound that makes sense.
      most: largest bound that makes sense.
      why: the source of both bounds: a paper, a standard, or a convention that is said
        to be one.
    """

    name: str
    check: str
    what: str
    amber: float
    red: float
    least: float
    most: float
    why: str


CHECKS = ("accuracy", "membership", "robustness")
THRESHOLDS = (
    Threshold(
        "accuracy_loss",
        "accuracy",
        "accuracy lost against the full data",
        0.01,
        0.10,
        0.0,
        1.0,
        "Amber above 1 point: MLPerf Inference accepts 99 % of the accuracy of its "
        "reference (Reddi et al. 2020). Red above 10 points: a convention, the tenth "
        "at which the verdict on accuracy of a single run ends as well.",
    ),
    Threshold(
        "class_gap",
        "accuracy",
        "gap between best and worst class, as a share of the best, beyond that of the "
        "full data",
        0.10,
        0.20,
        0.0,
        1.0,
        "Red above 20 %: the four-fifths rule (EEOC et al. 1978), by which a rate "
        "below 80 % of the best group's is evidence of adverse impact; here for "
        "classes, and for what the full data do not cause. Amber above 10 %: a "
        "convention, half of it.",
    ),
    Threshold(
        "membership_auc",
        "membership",
        "AUC of the strongest membership attack",
        0.55,
        0.60,
        0.5,
        1.0,
        "Amber above 0.55: the level that OWASP AISVS C11.3 suggests. Red "
        "above 0.60: a convention, twice as far from guessing.",
    ),
    Threshold(
        "membership_tpr",
        "membership",
        "TPR at 1 % FPR of the strongest membership attack",
        0.02,
        0.05,
        0.01,
        1.0,
        "The measure is that of Carlini et al. 2022. TPR over FPR is a likelihood "
        "ratio: up to 2 it rarely matters, above 5 it moves a probability at least "
        "moderately (Jaeschke, Guyatt and Sackett 1994); so amber above 2 %, red above "
        "5 %.",
    ),
    Threshold(
        "robust_accuracy_loss",
        "robustness",
        "accuracy under PGD lost against the full data",
        0.05,
        0.15,
        0.0,
        1.0,
        "The attack is that of Madry et al. 2018 at the radius nearest to 8/255, as in "
        "RobustBench (Croce et al. 2021). Amber above 5 points and red above 15 "
        "points: a convention, that of the verdict on robustness of a single run.",
    ),
)


def of_check(check: str) -> list[Threshold]:
    """The thresholds of one check, in their order.

    >>> [threshold.name for threshold in of_check("robustness")]
    ['robust_accuracy_loss']
    """
    return [threshold for threshold in THRESHOLDS if threshold.check == check]
