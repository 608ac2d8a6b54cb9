"""The one number of each audit that verdicts, overviews and trends quote."""

from typing import NamedTuple

from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

FPR = "0.01"
EPS = 8 / 255  # the usual Linf radius for images of 8 bits a channel
ATTACK = "pgd_linf"
SCORES = ("lira_online", "lira_offline")  # in order of preference
THREATS = ("t2", "t1", "t0")


class Membership(NamedTuple):
    """One membership attack: whom it strikes, how, and how well (raw estimates)."""

    threat: str
    score: str
    auc: dict | None
    tpr: dict | None


class Robustness(NamedTuple):
    """Accuracy under one attack at one radius."""

    attack: str
    norm: str
    eps: float
    accuracy: dict | None


def accuracy(record: Record, pipe: str = "distilled") -> dict | None:
    """Accuracy of a pipeline."""
    return lookup(record, "accuracy", pipe)


def worst_class(record: Record, pipe: str = "distilled") -> dict | None:
    """Accuracy on the class that a pipeline knows least."""
    return lookup(record, "fairness", pipe, "worst_class")


def induced_drop(record: Record, pipe: str = "distilled") -> dict | None:
    """Largest loss of class accuracy against full data, `max_c (full_c - pipe_c)`."""
    drop = lookup(record, "fairness", pipe, "induced_drop")
    return drop["max"] if isinstance(drop, dict) and "max" in drop else drop


def attacks(record: Record, pipe: str = "distilled") -> list[Membership]:
    """Every membership attack measured on a pipeline, strongest threat model last."""
    return [
        Membership(threat, score, row.get("auc"), lookup(row, "tpr_at_fpr", FPR))
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in scores.items()
    ]


def membership(record: Record, pipe: str = "distilled") -> Membership | None:
    """The LiRA attack on the released model, or what comes nearest to it."""

    def rank(attack: Membership) -> tuple[int, int]:
        score = (*SCORES, attack.score).index(attack.score)
        return (*THREATS, attack.threat).index(attack.threat), score

    return min(attacks(record, pipe), key=rank, default=None)


def robustness(record: Record, pipe: str = "distilled") -> Robustness | None:
    """PGD-Linf at the measured radius nearest to 8/255 (zero excepted)."""
    rows = lookup(record, "robustness", pipe, "attacks", ATTACK) or []
    rows = [row for row in rows if row["eps"] > 0]
    if not rows:
        return None
    row = min(rows, key=lambda row: abs(row["eps"] - EPS))
    return Robustness(ATTACK, row["norm"], row["eps"], row["accuracy"])


def mean(value: dict | float | None) -> float | None:
    """The point estimate, None where absent or unresolved."""
    known = estimate(value)
    return known["mean"] if known else None
