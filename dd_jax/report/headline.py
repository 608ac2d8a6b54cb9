"""The headline number of each audit, for verdicts, overviews and trends."""

from typing import NamedTuple

from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import PIPES
from dd_jax.types import Record

FPR = "0.01"
EPS = 8 / 255  # the usual Linf radius for images of 8 bits a channel
ATTACK = "pgd_linf"
FALSE_POSITIVES = 10  # that an FPR level has to allow before it counts as resolved
ROUNDING = 1e-9  # by which numbers that are equal may differ
THREATS = ("t2", "t1", "t1_images", "t0")  # in order of preference


class MembershipAttack(NamedTuple):
    """One membership attack and its rates (raw estimates)."""

    threat: str
    score: str
    auc: dict | None
    tpr: dict | None


class AttackedAccuracy(NamedTuple):
    """Accuracy under one attack at one radius."""

    attack: str
    norm: str
    eps: float
    accuracy: dict | None


def accuracy(record: Record, pipe: str = "distilled") -> dict | None:
    """Accuracy of a pipeline."""
    return lookup(record, "accuracy", pipe)


def preparation_seconds(record: Record) -> float | None:
    """Seconds of what the sets needed beside their steps: experts, teacher, releases.

    None where an earlier version counted those of shadows as well.

    >>> preparation_seconds({"cost": {"experts_seconds": 60.0, "distill_seconds": 9.0}})
    60.0
    """
    cost = record.get("cost") or {}
    known = lambda stage: cost.get(f"{stage}_seconds") or 0.0
    needed = [stage for stage in ("experts", "teacher", "releases") if known(stage)]
    if known("shadow_distill") and not all(known(f"shadow_{s}") for s in needed):
        return None
    return sum(map(known, needed), 0.0)


def making_seconds(record: Record) -> float | None:
    """Seconds that the sets took in all; None where they are not known."""
    steps = lookup(record, "cost", "distill_seconds")
    before = preparation_seconds(record)
    return None if steps is None or before is None else steps + before


def chance(record: Record) -> float:
    """Accuracy of guessing one of the classes."""
    return 1 / record["run"]["num_classes"]


def above_chance(record: Record, value: dict | float | None) -> bool | None:
    """Whether an accuracy is above chance with its interval; None if not measured."""
    return all_above(value, chance(record))


def all_above(value: dict | float | None, other: float) -> bool | None:
    """Whether a number is above another with its interval; None if not measured.

    >>> all_above({"mean": 0.3, "ci": [-0.1, 0.7], "n": 5}, 0.0), all_above(0.3, 0.0)
    (False, True)
    """
    known = estimate(value)
    if known is None:
        return None
    low = known["ci"][0] if known["ci"] else known["mean"]
    return above(min(low, known["mean"]), other)


def above(value: float, other: float) -> bool:
    """Whether a number is the larger one, by more than rounding.

    >>> above(0.1 + 0.2, 0.3), above(0.31, 0.3)
    (False, True)
    """
    return value > other + ROUNDING


def quantized(record: Record) -> dict | None:
    """Accuracy on the set in 8 bits, as an export holds it."""
    return lookup(record, "quantization", "accuracy")


def worst_class(record: Record, pipe: str = "distilled") -> dict | None:
    """Accuracy on the worst class of a pipeline."""
    return lookup(record, "fairness", pipe, "worst_class")


def equalised_odds(record: Record, pipe: str = "distilled") -> dict | None:
    """Largest difference of equalised odds over classes (DEO max)."""
    return lookup(record, "fairness", pipe, "deo_max")


def induced_drop(record: Record, pipe: str = "distilled") -> dict | None:
    """Largest drop of class accuracy from full data, `max_c (full_c - pipe_c)`."""
    drop = lookup(record, "fairness", pipe, "induced_drop")
    return drop["max"] if isinstance(drop, dict) and "max" in drop else drop


def attacks(record: Record, pipe: str = "distilled") -> list[MembershipAttack]:
    """Every membership attack measured on a pipeline, strongest threat model last."""
    return [
        MembershipAttack(threat, score, row.get("auc"), lookup(row, "tpr_at_fpr", FPR))
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in (scores or {}).items()
        if row  # null where not defined
    ]


def membership(record: Record, pipe: str = "distilled") -> MembershipAttack | None:
    """The attack on the released model with the largest AUC.

    Where no released model was attacked, that on the released set, else on the initial
    images. The largest of several AUCs is above 0.5 more often than a single one.
    """

    def rank(attack: MembershipAttack) -> tuple[int, float]:
        auc = mean(attack.auc)
        place = (*THREATS, attack.threat).index(attack.threat)
        return place, 0.0 if auc is None else -auc

    return min(attacks(record, pipe), key=rank, default=None)


def membership_auc(record: Record, pipe: str = "distilled") -> dict | None:
    """AUC of the strongest membership attack."""
    attack = membership(record, pipe)
    return attack.auc if attack else None


def resolution(record: Record, threat: str) -> float | None:
    """Smallest FPR that all attacks of a threat resolve, on every pipeline."""
    parts = (lookup(record, "privacy", pipe, threat) or {} for pipe in PIPES)
    rates = [rate for part in parts if (rate := resolved_by(part))]
    return max(rates, default=None)


def resolved_by(scores: dict) -> float | None:
    """Smallest FPR that attacks on one pipeline resolve: 10 false positives' worth."""
    rates = [lookup(row, "smallest_fpr") for row in scores.values()]
    smallest = max((rate for rate in rates if rate), default=None)  # 0 resolves none
    return min(FALSE_POSITIVES * smallest, 1.0) if smallest else None


def under_attack(
    record: Record, pipe: str = "distilled", attack: str = ATTACK
) -> list[AttackedAccuracy]:
    """An attack at every measured radius above zero, by rising radius."""
    rows = lookup(record, "robustness", pipe, "attacks", attack) or []
    return sorted(
        (
            AttackedAccuracy(attack, row["norm"], row["eps"], row.get("accuracy"))
            for row in rows
            if row["eps"] > 0
        ),
        key=lambda row: row.eps,
    )


def robustness(
    record: Record, pipe: str = "distilled", attack: str = ATTACK
) -> AttackedAccuracy | None:
    """An attack at the measured radius nearest to 8/255 (zero excepted)."""
    return min(_attacked(record, pipe, attack), key=_off_eps, default=None)


def robust_accuracy(
    record: Record, pipe: str = "distilled", attack: str = ATTACK
) -> dict | None:
    """Accuracy under an attack, that of the headline if none is given."""
    found = robustness(record, pipe, attack)
    return found.accuracy if found else None


def compared(record: Record) -> tuple[AttackedAccuracy, AttackedAccuracy] | None:
    """PGD-Linf on distilled and full data, at the radius of both nearest to 8/255."""
    pairs = [
        (ours, theirs)
        for ours in _attacked(record, "distilled")
        for theirs in _attacked(record, "full_data")
        if ours.eps == theirs.eps
    ]
    return min(pairs, key=lambda pair: _off_eps(pair[0]), default=None)


def at_radius(record: Record, pipe: str, eps: float) -> dict | None:
    """Accuracy of a pipeline under PGD-Linf at one radius; None where not measured."""
    rows = _attacked(record, pipe)
    return next((row.accuracy for row in rows if row.eps == eps), None)


def _attacked(
    record: Record, pipe: str, attack: str = ATTACK
) -> list[AttackedAccuracy]:
    return [row for row in under_attack(record, pipe, attack) if estimate(row.accuracy)]


def _off_eps(row: AttackedAccuracy) -> float:
    return abs(row.eps - EPS)


def all_attacks(record: Record, eps: float) -> dict | None:
    """Accuracy of the distilled model under all Linf attacks combined, at a radius.

    None where it is no lower than under PGD, or was not measured.
    """
    rows = lookup(record, "robustness", "distilled", "worst_case") or []
    pgd = mean(at_radius(record, "distilled", eps))
    found = [
        row.get("accuracy")
        for row in rows
        if (row["norm"], row["eps"]) == ("linf", eps)
    ]
    least = mean(found[0]) if found else None
    known = least is not None and pgd is not None
    return found[0] if known and least < pgd else None


def full_data_falls_short(record: Record) -> bool:
    """Whether full-data training scores below the distilled set's interval.

    Then it was not trained long enough to be an upper bound.
    """
    ours = estimate(accuracy(record))
    full = mean(accuracy(record, "full_data"))
    low = (ours["ci"] or [ours["mean"]])[0] if ours else None
    return low is not None and full is not None and above(low, full)


def mean(value: dict | float | None) -> float | None:
    """The point estimate, None where absent or unresolved."""
    known = estimate(value)
    return known["mean"] if known else None
