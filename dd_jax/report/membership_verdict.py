"""The verdict on membership: can an attacker tell which rows were in the data?"""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.display_names import THREAT_NAMES, display_name
from dd_jax.report.formats import count, decimal
from dd_jax.report.headline import above
from dd_jax.report.levels import (
    CAUTION,
    GO,
    LEVELS,
    NO_GO,
    UNKNOWN,
    Verdict,
    capped,
    estimate_text,
)
from dd_jax.report.records import estimate
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

LEAK_AUC = 0.55  # the level OWASP AISVS C11.3 suggests
BASELINES = {
    "random_subset": "random subset",
    "full_data": "full data",
    "dp_sgd": "DP-SGD",
}
WHY = {
    NO_GO: "Members can be distinguished from non-members.",
    GO: "No better than guessing.",
    CAUTION: "Slightly better than guessing.",
}


def verdict_on_membership(record: Record) -> Verdict:
    """Can an attacker tell which rows were in the data?"""
    rule = (
        "No-go: for any attack the interval of TPR at 1 % FPR lies above 1 %, or that "
        f"of AUC above {LEAK_AUC} or below {1 - LEAK_AUC:.3g} (such an attack works "
        "with its answers inverted). Go: the interval of every attack includes chance "
        f"(TPR 1 %, AUC 0.5), and every AUC interval is inside these bounds. Caution: "
        "anything between, an attack without an interval, an FPR that the sample "
        "cannot resolve, or a model that is not above chance."
    )
    limits = (
        "Privacy against other attacks or more shadow models, or of single outliers. "
        "It is no guarantee of differential privacy."
    )
    attacks = headline.attacks(record)
    levels = [_leak(attack) for attack in attacks]
    if not any(level != UNKNOWN for level in levels):
        finding = "Needs the AUC or the TPR of a membership attack."
        return Verdict("Membership privacy", UNKNOWN, finding, rule, limits)
    level = min(levels, key=LEVELS.index)
    worst = max(
        (a for a, its in zip(attacks, levels, strict=True) if its == level),
        key=lambda attack: _off_guessing(attack.auc),
    )
    threat = THREAT_NAMES.get(worst.threat, printable(worst.threat))
    finding = (
        f"{_why(worst, level)} Strongest of {count(len(attacks), 'attack')}: "
        f"{display_name(worst.score, record, 'score')} ({threat}), AUC "
        f"{estimate_text(worst.auc, decimal)}, TPR at 1 % FPR "
        f"{estimate_text(worst.tpr)}."
    )
    others = [
        f"{name} {decimal(same.auc).text}"
        for pipe, name in BASELINES.items()
        for same in headline.attacks(record, pipe)
        if same[:2] == worst[:2]
    ]
    if others:
        finding += f" AUC of the same attack on the baselines: {', '.join(others)}."
    level, finding = capped(record, level, finding)
    return Verdict("Membership privacy", level, finding, rule, limits)


def _leak(attack: headline.MembershipAttack) -> str:
    if not estimate(attack.auc) and not estimate(attack.tpr):
        return UNKNOWN
    auc, tpr = _interval(attack.auc), _interval(attack.tpr)
    if tpr and above(tpr[0], float(headline.FPR)):
        return NO_GO
    if auc and (above(auc[0], LEAK_AUC) or above(1 - LEAK_AUC, auc[1])):
        return NO_GO
    inside = auc and above(LEAK_AUC, auc[1]) and above(auc[0], 1 - LEAK_AUC)
    return GO if tpr and inside and not _off_chance(auc) else CAUTION


def _off_chance(auc: Sequence[float]) -> bool:
    return above(auc[0], 0.5) or above(0.5, auc[1])


def _why(attack: headline.MembershipAttack, level: str) -> str:
    """What a level means, in a few words."""
    auc, tpr = _interval(attack.auc), _interval(attack.tpr)
    if level == CAUTION and not (auc and _off_chance(auc)):
        if not estimate(attack.tpr):
            return "Too few rows to resolve a low false-positive rate."
        if not auc or not tpr:
            return "Measured without an interval."
        return "Not significantly better than guessing, but too uncertain for a go."
    return WHY[level]


def _off_guessing(auc: dict | None) -> float:
    known = headline.mean(auc)
    return 0.0 if known is None else abs(known - 0.5)


def _interval(value: dict | None) -> list[float] | None:
    return (estimate(value) or {}).get("ci")
