"""The values of a Record that claims are about, all shares in [0, 1]."""

from collections.abc import Callable
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.records import lookup
from dd_jax.types import Record

SCORES = ("rmia", "lira_online", "lira_offline", "loss")  # the first that is recorded


class Measured(NamedTuple):
    """A value, and what else has to agree where it is compared (score, radius)."""

    value: float
    setting: str = ""


Quantity = Callable[[Record], Measured | None]


def class_gap(record: Record) -> Measured | None:
    """Accuracy of the best class minus that of the worst, of distilled data."""
    return _share(lookup(record, "fairness", "distilled", "class_gap"))


def class_gap_beyond_full(record: Record) -> Measured | None:
    """The class gap of distilled data minus that of full data."""
    full = _share(lookup(record, "fairness", "full_data", "class_gap"))
    return _minus(class_gap(record), full)


def membership_auc(record: Record) -> Measured | None:
    """AUC of a membership attack on the released network (T2), of distilled data.

    The score is the first of a fixed order, not the strongest: the largest of several
    AUCs is biased upwards.
    """
    found = (_auc(record, "distilled", score) for score in SCORES)
    return next((value for value in found if value), None)


def auc_above_subset(record: Record) -> Measured | None:
    """The AUC on distilled data minus that on a random subset, by the same score."""
    return _auc_above(record, "random_subset")


def auc_above_full(record: Record) -> Measured | None:
    """The AUC on distilled data minus that on the full data, by the same score."""
    return _auc_above(record, "full_data")


def robust_accuracy(record: Record) -> Measured | None:
    """Accuracy under PGD-Linf at the radius nearest to 8/255, of distilled data."""
    attack = headline.robustness(record)
    if attack is None:
        return None
    return _share(attack.accuracy, f"Linf {attack.eps:.6g}")


def robust_accuracy_above_full(record: Record) -> Measured | None:
    """The same minus that of full data at the same radius."""
    both = headline.compared(record)
    if both is None:
        return None
    ours, full = (_share(row.accuracy, f"Linf {row.eps:.6g}") for row in both)
    return _minus(ours, full)


def _auc_above(record: Record, pipe: str) -> Measured | None:
    pairs = (
        (_auc(record, "distilled", score), _auc(record, pipe, score))
        for score in SCORES
    )
    return next((_minus(ours, other) for ours, other in pairs if ours and other), None)


def _auc(record: Record, pipe: str, score: str) -> Measured | None:
    return _share(lookup(record, "privacy", pipe, "t2", score, "auc"), score)


def _share(value, setting: str = "") -> Measured | None:
    mean = headline.mean(value)
    if isinstance(mean, bool) or not isinstance(mean, int | float):
        return None
    return Measured(float(mean), setting) if 0 <= mean <= 1 else None


def _minus(ours: Measured | None, other: Measured | None) -> Measured | None:
    if ours is None or other is None:
        return None
    return ours._replace(value=ours.value - other.value)
