"""The verdict on robustness: is the distilled model less robust than full data?"""

from dd_jax.report import headline
from dd_jax.report.display_names import display_name
from dd_jax.report.formats import percent, share
from dd_jax.report.headline import above
from dd_jax.report.levels import (
    CAUTION,
    GO,
    NO_BOUND_TOO,
    NO_GO,
    UNKNOWN,
    Verdict,
    capped,
    estimate_text,
    not_below,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

NEAR, FAR = 0.05, 0.15  # robust accuracy below that of full data
ROBUST = 0.5  # robust over clean accuracy
TOPIC = "Robustness"


def verdict_on_robustness(record: Record) -> Verdict:
    """Is the distilled model less robust than the full-data model?"""
    pgd = display_name(headline.ATTACK, record, "attack")
    rule = (
        f"Under {pgd} at the measured radius nearest to 8/255. "
        f"Go: robust accuracy at most {100 * NEAR:.0f} points below full data, above "
        f"chance, and at least {share(ROBUST)} of the clean accuracy. "
        f"No-go: interval more than {100 * FAR:.0f} points below full data (mean, for "
        "a single net). Caution: anything between, a check for gradient masking that "
        "warns, a full-data accuracy below the distilled interval, or a model that is "
        "not above chance without attack."
    )
    limits = (
        "Robustness to stronger or adaptive attacks (AutoAttack), other radii and "
        "norms, or common corruptions. A less accurate model has less accuracy to lose."
    )
    ours, theirs = headline.compared(record) or (None, None)
    robust = estimate(ours.accuracy) if ours else None
    full = estimate(theirs.accuracy) if theirs else None
    unattacked = lookup(record, "robustness", "distilled", "clean")
    clean = headline.mean(unattacked)
    if not ours or not robust or not full or clean is None:
        finding = f"Needs {pgd} on the distilled and the full-data model."
        return Verdict(TOPIC, UNKNOWN, finding, rule, limits)
    finding = (
        f"Under {pgd} of radius {ours.eps:.3g} (pixels in [0, 1]), the accuracy of the "
        f"distilled model falls from {percent(clean).text} to {estimate_text(robust)}. "
        f"Full data, same attack: {estimate_text(full)}.{_others(record, ours.eps)}"
    )
    is_robust = lambda mean: (
        not_below(mean, ROBUST * clean) and above(mean, headline.chance(record))
    )
    upper = robust["ci"][1] if robust["ci"] else robust["mean"]
    if above(full["mean"] - FAR, upper):
        level = NO_GO
    elif not_below(robust["mean"], full["mean"] - NEAR) and is_robust(robust["mean"]):
        level = GO
    else:
        level = CAUTION
    if not is_robust(robust["mean"]) and not is_robust(full["mean"]):
        finding += " Neither model is robust to this attack."
    if warned := _warnings(record):
        level = CAUTION if level == GO else level
        finding += f" The attacks may be too weak: the check {warned} warns."
    finding += _largest_radius(record, ours.eps)
    level, finding = capped(record, level, finding, unattacked, short=NO_BOUND_TOO)
    return Verdict(TOPIC, level, finding, rule, limits)


def _others(record: Record, eps: float) -> str:
    """The random subset under the same attack, and all attacks combined."""
    found = ""
    subset = headline.at_radius(record, "random_subset", eps)
    if subset is not None:
        found += f" Random subset: {percent(subset).text}."
    combined = headline.all_attacks(record, eps)
    if combined is not None:
        found += f" Under all Linf attacks combined: {percent(combined).text}."
    return found


def _largest_radius(record: Record, eps: float) -> str:
    largest = headline.under_attack(record)[-1]
    if largest.eps <= eps:
        return ""
    return (
        f" At the largest radius, {largest.eps:.3g}, the distilled model has "
        f"{percent(largest.accuracy).text}."
    )


def _warnings(record: Record) -> str:
    """The checks of the attacks on the distilled model that failed."""
    checks = lookup(record, "robustness", "distilled", "checks") or {}
    failed = [name for name, passed in checks.items() if passed is False]
    return ", ".join(printable(name).replace("_", " ") for name in failed)
