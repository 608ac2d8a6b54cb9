"""Verdicts: go, caution or no-go, with the rule that decided."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.formats import percent, points, share
from dd_jax.report.headline import above
from dd_jax.report.levels import (
    CAUTION,
    GO,
    LEVELS,
    NO_BOUND,
    NO_BOUND_TOO,
    NO_GO,
    UNKNOWN,
    Verdict,
    capped,
    estimate_text,
    not_below,
)
from dd_jax.report.membership_verdict import verdict_on_membership
from dd_jax.report.records import estimate
from dd_jax.report.robustness_verdict import verdict_on_robustness
from dd_jax.types import Record

NEAR_FULL = 0.9  # share of full-data accuracy
WORST, DROP = 0.8, 0.15  # worst class against the mean; largest drop of a class


def verdicts(record: Record) -> list[Verdict]:
    """The four verdicts of a run: accuracy, membership, robustness, fairness.

    A level is `not measured` wherever the rule lacks a number that it compares; a
    number that the sample cannot resolve is never quoted.

    Args:
      record: one checked Record.

    Returns:
      Four Verdicts, always in the same order.
    """
    return [
        rule(record)
        for rule in (
            verdict_on_accuracy,
            verdict_on_membership,
            verdict_on_robustness,
            verdict_on_fairness,
        )
    ]


def overall(lines: Sequence[Verdict]) -> str:
    """The worst level among those measured."""
    return min((line.level for line in lines), key=LEVELS.index)


def verdict_on_accuracy(record: Record) -> Verdict:
    """Is the distilled set better than a random subset, and close to full data?"""
    distilled = estimate(headline.accuracy(record))
    subset = estimate(headline.accuracy(record, "random_subset"))
    full = estimate(headline.accuracy(record, "full_data"))
    rule = (
        f"Go: interval above the random subset's and at least {share(NEAR_FULL)} of "
        "full-data accuracy. No-go: mean not above the random subset's, or not above "
        "chance. Caution: anything between, or a full-data accuracy below the "
        "distilled interval."
    )
    limits = (
        "Other architectures, other data, or whether a better selection of real images "
        "is as accurate. Intervals do not cover a new draw of the evaluation images."
    )
    if not distilled or not subset:
        finding = "Needs the accuracy of the distilled set and of a random subset."
        return Verdict("Accuracy", UNKNOWN, finding, rule, limits)
    finding = (
        f"Trained on the distilled set: {estimate_text(distilled)}. On a random subset "
        f"of real images of the same size: {estimate_text(subset)}. "
    )
    measurable = full is not None and above(full["mean"], 0)
    relative = distilled["mean"] / full["mean"] if full and measurable else None
    if relative is not None:
        finding += (
            f"On the full data: {estimate_text(full)}; the distilled set keeps "
            f"{share(relative)} of it."
        )
    elif full:
        finding += (
            f"On the full data: {estimate_text(full)}, so no share of it is defined."
        )
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
        level = (
            GO
            if apart and relative is not None and not_below(relative, NEAR_FULL)
            else CAUTION
        )
    level, finding = capped(record, level, finding, short=NO_BOUND)
    return Verdict("Accuracy", level, finding, rule, limits)


def verdict_on_fairness(record: Record) -> Verdict:
    """Is the distilled model much worse on some classes?"""
    rule = (
        f"Go: worst class at least {share(WORST)} of the mean accuracy, and no class "
        f"more than {100 * DROP:.0f} points below full data. No-go: neither holds. "
        "Caution: one holds, the drop was not measured, a full-data accuracy below the "
        "distilled interval, or a model that is not above chance."
    )
    limits = (
        "Fairness between people or groups: classes are not groups. The worst of many "
        "noisy class accuracies is biased towards worse."
    )
    worst = headline.mean(headline.worst_class(record))
    drop = headline.mean(headline.induced_drop(record))
    average = headline.mean(headline.accuracy(record))
    if worst is None or average is None:
        finding = "Needs the accuracy of each class."
        return Verdict("Class fairness", UNKNOWN, finding, rule, limits)
    finding = (
        f"Worst class: {estimate_text(headline.worst_class(record))}, against "
        f"{percent(average).text} on average. "
    )
    learned = above(average, headline.chance(record))
    even = learned and not_below(worst, WORST * average)
    if drop is None:
        finding += "Drop from full data: not measured."
        level = CAUTION
    else:
        finding += f"Largest drop of a class from full data: {points(drop).text}."
        level = {2: GO, 1: CAUTION, 0: NO_GO}[even + not_below(DROP, drop)]
    level, finding = capped(record, level, finding, short=NO_BOUND_TOO)
    return Verdict("Class fairness", level, finding, rule, limits)
