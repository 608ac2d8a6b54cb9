"""Plain-language verdicts: go, caution or no-go, with the rule that decided."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.formats import (
    percent,
    points,
    share,
    spoken,
)
from dd_jax.report.headline import above
from dd_jax.report.leakage import membership
from dd_jax.report.levels import (
    CAUTION,
    GO,
    LEVELS,
    NO_CEILING,
    NO_CEILING_TOO,
    NO_GO,
    UNKNOWN,
    Verdict,
    at_least,
    cleared,
    in_words,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

KEPT = 0.9  # share of full-data accuracy
NEAR, FAR = 0.05, 0.15  # accuracy given up under attack, against full data
WITHSTANDS = 0.5  # share of clean accuracy kept under attack
WORST, DROP = 0.8, 0.15  # worst class against the mean; largest class loss


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
        "full-data accuracy. No-go: mean not above the random subset's, or not above "
        "chance. Caution: anything between, or a full-data accuracy below the "
        "distilled interval."
    )
    limits = (
        "Other architectures, other data, or whether a smarter choice of real images "
        "would do as well. Intervals do not cover a new draw of the images judged."
    )
    if not distilled or not subset:
        finding = "Needs the accuracy of the distilled set and of a random subset."
        return Verdict("Accuracy", UNKNOWN, finding, rule, limits)
    finding = (
        f"Trained on the distilled set: {in_words(distilled)}. On a random real "
        f"subset of the same size: {in_words(subset)}. "
    )
    measurable = full is not None and above(full["mean"], 0)
    kept = distilled["mean"] / full["mean"] if full and measurable else None
    if kept is not None:
        finding += (
            f"On the full data: {in_words(full)}; the distilled set keeps "
            f"{share(kept)} of it."
        )
    elif full:
        finding += f"On the full data: {in_words(full)}, which leaves no share to keep."
    else:
        finding += "Full data: not measured."
    better = above(distilled["mean"], subset["mean"])
    apart = (
        bool(distilled["ci"] and subset["ci"])
        and better
        and above(distilled["ci"][0], subset["ci"][1])
    )
    if better and not apart:
        finding += " The gain over the random subset is within the uncertainty."
    if not better or not above(distilled["mean"], headline.chance(record)):
        level = NO_GO
    else:
        level = GO if apart and kept is not None and at_least(kept, KEPT) else CAUTION
    level, finding = cleared(record, level, finding, short=NO_CEILING)
    return Verdict("Accuracy", level, finding, rule, limits)


def robustness(record: Record) -> Verdict:
    """Is the distilled model weaker under attack than the full-data model?"""
    rule = (
        f"Under {spoken(headline.ATTACK)} at the measured radius nearest to 8/255. "
        f"Go: at most {share(NEAR)} of images worse than full data, and at least "
        f"{share(WITHSTANDS)} of the clean accuracy kept, and that above chance. "
        f"No-go: interval more than {share(FAR)} of images below full data (mean, for "
        "a single net). Caution: anything between, a check of the attacks that warns, "
        "a full-data accuracy below the distilled interval, or a model that is not "
        "above chance without attack."
    )
    limits = (
        "Strength against adaptive or stronger attacks (AutoAttack), other radii and "
        "norms, or natural corruptions. A less accurate model has less to lose."
    )
    ours, theirs = headline.compared(record) or (None, None)
    robust = estimate(ours.accuracy) if ours else None
    full = estimate(theirs.accuracy) if theirs else None
    unattacked = lookup(record, "robustness", "distilled", "clean")
    clean = headline.mean(unattacked)
    if not ours or not robust or not full or clean is None:
        finding = (
            f"Needs {spoken(headline.ATTACK)} on the distilled and the full-data model."
        )
        return Verdict("Robustness", UNKNOWN, finding, rule, limits)
    finding = (
        f"Under {spoken(ours.attack)}, each pixel moved by up to {ours.eps:.3g} of its "
        f"range, the accuracy of the distilled model falls from {percent(clean).text} "
        f"to {in_words(robust)}. Full data, same attack: {in_words(full)}."
    )
    subset = headline.at_radius(record, "random_subset", ours.eps)
    if subset is not None:
        finding += f" Random subset: {percent(subset).text}."
    together = headline.all_attacks(record, ours.eps)
    if together is not None:
        finding += f" All Linf attacks together leave {percent(together).text}."
    upper = robust["ci"][1] if robust["ci"] else robust["mean"]
    withstands = lambda mean: (
        at_least(mean, WITHSTANDS * clean) and above(mean, headline.chance(record))
    )
    if above(full["mean"] - FAR, upper):
        level = NO_GO
    elif at_least(robust["mean"], full["mean"] - NEAR) and withstands(robust["mean"]):
        level = GO
    else:
        level = CAUTION
    if not withstands(robust["mean"]) and not withstands(full["mean"]):
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
    level, finding = cleared(record, level, finding, unattacked, short=NO_CEILING_TOO)
    return Verdict("Robustness", level, finding, rule, limits)


def fairness(record: Record) -> Verdict:
    """Does distillation leave some class behind?"""
    rule = (
        f"Go: worst class at least {share(WORST)} of the mean accuracy, and no class "
        f"more than {share(DROP)} of its images below full data. No-go: both fail. "
        "Caution: one fails, the loss was not measured, a full-data accuracy below the "
        "distilled interval, or a model that is not above chance, whose classes are "
        "not even."
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
        f"Worst class: {in_words(headline.worst_class(record))}, against "
        f"{percent(average).text} on average. "
    )
    learned = above(average, headline.chance(record))
    even = learned and at_least(worst, WORST * average)
    if drop is None:
        finding += "Loss against full data: not measured."
        level = CAUTION
    else:
        finding += f"Largest loss of a class against full data: {points(drop).text}."
        level = {2: GO, 1: CAUTION, 0: NO_GO}[even + at_least(DROP, drop)]
    level, finding = cleared(record, level, finding, short=NO_CEILING_TOO)
    return Verdict("Class fairness", level, finding, rule, limits)


def _warnings(record: Record) -> str:
    """The checks of the attacks on the distilled model that failed, in words."""
    checks = lookup(record, "robustness", "distilled", "checks") or {}
    failed = [name for name, passed in checks.items() if passed is False]
    return ", ".join(name.replace("_", " ") for name in failed)
