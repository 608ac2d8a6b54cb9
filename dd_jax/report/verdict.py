"""Plain-language verdicts: go, caution or no-go, with the rule that decided."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.formats import (
    THREAT_NAMES,
    count,
    decimal,
    percent,
    points,
    share,
    spoken,
)
from dd_jax.report.records import estimate
from dd_jax.types import Record

GO, CAUTION, NO_GO, UNKNOWN = "go", "caution", "no-go", "not measured"
LEVELS = (NO_GO, CAUTION, GO, UNKNOWN)  # worst first

KEPT = 0.9  # share of full-data accuracy
LEAK_AUC = 0.55  # the level OWASP AISVS C11.3 suggests
NEAR, FAR = 0.05, 0.15  # accuracy given up under attack, against full data
WITHSTANDS = 0.5  # share of clean accuracy kept under attack
WORST, DROP = 0.8, 0.15  # worst class against the mean; largest class loss
NO_CEILING = (
    " Full-data training fell short of the distilled set, so it is no ceiling, and "
    "nothing is cleared by comparison with it."
)
NO_CEILING_TOO = " Full data is no ceiling here: see accuracy."
BASELINES = {"random_subset": "random subset", "full_data": "full data"}
WHY = {
    NO_GO: "Members can be told from others.",
    GO: "No better than guessing.",
    CAUTION: "Slightly better than guessing.",
}


class Verdict(NamedTuple):
    """One line of the verdict: what was found, by which rule, and its limits."""

    topic: str
    level: str
    finding: str
    rule: str
    limits: str


def verdicts(record: Record) -> list[Verdict]:
    """The four verdicts of a run: accuracy, membership, robustness, fairness.

    A level is `not measured` wherever the rule lacks a number that it compares; a
    number that the sample cannot resolve is never quoted.

    Args:
      record: one checked Record.

    Returns:
      Four Verdicts, always in the same order.
    """
    return [rule(record) for rule in (accuracy, membership, robustness, fairness)]


def overall(lines: Sequence[Verdict]) -> str:
    """The worst level among those measured."""
    return min((line.level for line in lines), key=LEVELS.index)


def accuracy(record: Record) -> Verdict:
    """Does the distilled set beat a random subset, and come near to full data?"""
    distilled = estimate(headline.accuracy(record))
    subset = estimate(headline.accuracy(record, "random_subset"))
    full = estimate(headline.accuracy(record, "full_data"))
    rule = (
        f"Go: interval above the random subset's and at least {share(KEPT)} of "
        "full-data accuracy. No-go: mean not above the random subset's. Caution: "
        "anything between, or a full-data accuracy below the distilled interval."
    )
    limits = (
        "Other architectures, other data, or whether a smarter choice of real images "
        "would do as well. Intervals do not cover a new draw of the images judged."
    )
    if not distilled or not subset:
        finding = "Needs the accuracy of the distilled set and of a random subset."
        return Verdict("Accuracy", UNKNOWN, finding, rule, limits)
    finding = (
        f"Trained on the distilled set: {_in_words(distilled)}. On a random real "
        f"subset of the same size: {_in_words(subset)}. "
    )
    if full:
        kept = distilled["mean"] / full["mean"] if full["mean"] else 1.0
        finding += (
            f"On the full data: {_in_words(full)}; the distilled set keeps "
            f"{share(kept)} of it."
        )
    else:
        kept = 0.0
        finding += "Full data: not measured."
    apart = distilled["ci"] and subset["ci"] and distilled["ci"][0] > subset["ci"][1]
    if distilled["mean"] <= subset["mean"]:
        return Verdict("Accuracy", NO_GO, finding, rule, limits)
    if not apart:
        finding += " The gain over the random subset is within the uncertainty."
    level = GO if apart and kept >= KEPT else CAUTION
    return Verdict(
        "Accuracy", *_against(record, level, finding, NO_CEILING), rule, limits
    )


def membership(record: Record) -> Verdict:
    """Can an attacker tell which rows were in the data?"""
    rule = (
        "No-go: for any attack the interval of TPR at 1 % FPR lies above 1 %, or that "
        f"of AUC above {LEAK_AUC}. Go: no attack's interval lies above chance (TPR "
        f"1 %, AUC 0.5), and every AUC interval stays below {LEAK_AUC}. Caution: "
        "anything between, or a level that the sample cannot resolve."
    )
    limits = (
        "Safety against attacks that were not run, against more shadow models, or for "
        "single outlying records; it is no differential-privacy guarantee."
    )
    attacks = headline.attacks(record)
    levels = [_leak(attack) for attack in attacks]
    if not any(level != UNKNOWN for level in levels):
        finding = "No membership attack has an interval to judge by."
        return Verdict("Membership privacy", UNKNOWN, finding, rule, limits)
    level = min(levels, key=LEVELS.index)
    worst = max(
        (a for a, its in zip(attacks, levels, strict=True) if its == level),
        key=lambda attack: headline.mean(attack.auc) or 0.0,
    )
    finding = (
        f"{_why(worst, level)} Strongest of {count(len(attacks), 'attack')}: "
        f"{spoken(worst.score)} ({THREAT_NAMES.get(worst.threat, worst.threat)}), AUC "
        f"{_in_words(worst.auc, decimal)}, TPR at 1 % FPR {_in_words(worst.tpr)}."
    )
    others = [
        f"{name} {decimal(same.auc).text}"
        for pipe, name in BASELINES.items()
        for same in headline.attacks(record, pipe)
        if same[:2] == worst[:2]
    ]
    if others:
        finding += f" AUC of the same attack on the baselines: {', '.join(others)}."
    return Verdict("Membership privacy", level, finding, rule, limits)


def _leak(attack: headline.Membership) -> str:
    auc, tpr = estimate(attack.auc), estimate(attack.tpr)
    auc, tpr = (auc or {}).get("ci"), (tpr or {}).get("ci")
    if not auc and not tpr:
        return UNKNOWN
    if (tpr and tpr[0] > float(headline.FPR)) or (auc and auc[0] > LEAK_AUC):
        return NO_GO
    return GO if auc and tpr and auc[0] <= 0.5 and auc[1] < LEAK_AUC else CAUTION


def _why(attack: headline.Membership, level: str) -> str:
    """What a level means for whoever reads nothing else."""
    auc, tpr = ((estimate(v) or {}).get("ci") for v in (attack.auc, attack.tpr))
    if level == CAUTION and not (auc and auc[0] > 0.5):
        if not tpr:
            return "Too few rows to resolve a low false-positive rate."
        return "Not told from guessing, but too uncertain to clear."
    return WHY[level]


def robustness(record: Record) -> Verdict:
    """Is the distilled model weaker under attack than the full-data model?"""
    rule = (
        f"Under {spoken(headline.ATTACK)} at the measured radius nearest to 8/255. "
        f"Go: at most {share(NEAR)} of images worse than full data, and at least "
        f"{share(WITHSTANDS)} of the clean accuracy kept. No-go: interval more than "
        f"{share(FAR)} of images below full data (mean, for a single net). Caution: "
        "anything between, a check of the attacks that warns, or a full-data accuracy "
        "below the distilled interval."
    )
    limits = (
        "Strength against adaptive or stronger attacks (AutoAttack), other radii and "
        "norms, or natural corruptions. A less accurate model has less to lose."
    )
    ours = headline.robustness(record)
    theirs = headline.robustness(record, "full_data")
    robust = estimate(ours.accuracy) if ours else None
    full = estimate(theirs.accuracy) if theirs else None
    clean = headline.mean(
        record.get("robustness", {}).get("distilled", {}).get("clean")
    )
    if not ours or not theirs or not robust or not full or not clean:
        finding = (
            f"Needs {spoken(headline.ATTACK)} on the distilled and the full-data model."
        )
        return Verdict("Robustness", UNKNOWN, finding, rule, limits)
    finding = (
        f"Under {spoken(ours.attack)}, each pixel moved by up to {ours.eps:.3g} of its "
        f"range, the accuracy of the distilled model falls from {percent(clean).text} "
        f"to {_in_words(robust)}. Full data, same attack: {_in_words(full)}."
    )
    if subset := headline.robustness(record, "random_subset"):
        finding += f" Random subset: {percent(subset.accuracy).text}."
    if together := headline.all_attacks(record, ours.eps):
        finding += f" All Linf attacks together leave {percent(together).text}."
    upper = robust["ci"][1] if robust["ci"] else robust["mean"]
    if upper < full["mean"] - FAR:
        level = NO_GO
    elif robust["mean"] >= full["mean"] - NEAR and robust["mean"] >= WITHSTANDS * clean:
        level = GO
    else:
        level = CAUTION
    if robust["mean"] < WITHSTANDS * clean and full["mean"] < WITHSTANDS * clean:
        finding += " Neither withstands this attack."
    if warned := _warnings(record):
        level = CAUTION if level == GO else level
        finding += f" The attacks may be too weak: {warned} warns."
    largest = headline.under_attack(record)[-1]
    if largest.eps > ours.eps:
        finding += (
            f" At the largest radius, {largest.eps:.3g}, the distilled model keeps "
            f"{percent(largest.accuracy).text}."
        )
    return Verdict("Robustness", *_against(record, level, finding), rule, limits)


def fairness(record: Record) -> Verdict:
    """Does distillation leave some class behind?"""
    rule = (
        f"Go: worst class at least {share(WORST)} of the mean accuracy, and no class "
        f"more than {share(DROP)} of its images below full data. No-go: both fail. "
        "Caution: one fails, the loss was not measured, or a full-data accuracy below "
        "the distilled interval."
    )
    limits = (
        "Fairness between people or groups: classes are not groups. The worst of many "
        "noisy class accuracies looks worse than it is."
    )
    worst = headline.mean(headline.worst_class(record))
    drop = headline.mean(headline.induced_drop(record))
    average = headline.mean(headline.accuracy(record))
    if worst is None or average is None:
        finding = "Needs the accuracy of each class."
        return Verdict("Class fairness", UNKNOWN, finding, rule, limits)
    finding = (
        f"Worst class: {_in_words(headline.worst_class(record))}, against "
        f"{percent(average).text} on average. "
    )
    even = worst >= WORST * average
    if drop is None:
        finding += "Loss against full data: not measured."
        return Verdict("Class fairness", CAUTION, finding, rule, limits)
    finding += f"Largest loss of a class against full data: {points(drop).text}."
    level = {2: GO, 1: CAUTION, 0: NO_GO}[even + (drop <= DROP)]
    return Verdict("Class fairness", *_against(record, level, finding), rule, limits)


def _warnings(record: Record) -> str:
    """The checks of the attacks on the distilled model that failed, in words."""
    checks = record["robustness"]["distilled"].get("checks") or {}
    failed = [name for name, passed in checks.items() if passed is False]
    return ", ".join(name.replace("_", " ") for name in failed)


def _against(
    record: Record, level: str, finding: str, short: str = NO_CEILING_TOO
) -> tuple[str, str]:
    """Level and finding, mindful of a full-data training that is no ceiling."""
    if not headline.weak_ceiling(record):
        return level, finding
    return CAUTION if level == GO else level, finding + short


def _in_words(value: dict | None, form: Callable = percent) -> str:
    """A number with its interval, or with the plain word that it has none."""
    shown = form(value)
    if shown.detail:
        return f"{shown.text} (95 % interval {shown.detail})"
    single = (estimate(value) or {}).get("n") == 1
    return f"{shown.text} (one net, no interval)" if single else shown.text
