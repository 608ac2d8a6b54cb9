"""The numbers that the three checks consist of, each with its colour."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dd_jax.report import headline
from dd_jax.report.decision.colours import (
    GREEN,
    NOT_MEASURED,
    UNKNOWN,
    verdict,
    why_unknown,
)
from dd_jax.report.decision.strongest_attack import BESIDE, inverted, strongest
from dd_jax.report.headline import above
from dd_jax.report.intervals import difference
from dd_jax.report.lines import pooled
from dd_jax.report.records import estimate, lookup
from dd_jax.report.run_notes import is_loaded
from dd_jax.types import Record

CHANCE, NO_BOUND, MASKED, FLOOR = "chance", "no_bound", "masked", "floor"
LOADED, OF_SHADOWS = "loaded", ("membership_auc", "membership_tpr")
LOST_CLASSES = 3  # named


class Part(NamedTuple):
    """One number of a check.

    Attributes:
      name: of its threshold.
      colour: see `colours.verdict`; a green that a caveat holds against is unknown.
      value: the number, of which more is worse: `{mean, ci, n}`, None where there is
        none.
      amber: largest value that is green.
      red: largest value that is amber.
      why: why the colour is unknown: of `colours.why_unknown`, or `chance` (the model
        is not above chance), `no_bound` (full data are less accurate than the set),
        `masked` (a check for gradient masking warns), `floor` (full data are at chance
        under attack too), `loaded` (there are no shadow sets of one made elsewhere);
        empty otherwise.
      found: what the number was made from, by name.
    """

    name: str
    colour: str
    value: dict | None
    amber: float
    red: float
    why: str
    found: dict[str, Any]


def part(name: str, repeats: Sequence[Record], amber: float, red: float) -> Part:
    """One number of runs that differ in the seed alone, against its bounds."""
    value, found = MEASURES[name](repeats, amber, red)
    colour, why = verdict(value, amber, red), why_unknown(value, amber, red)
    if why == NOT_MEASURED and name in OF_SHADOWS and is_loaded(repeats[0]):
        why = LOADED
    if colour == GREEN and (held := _caveat(name, repeats, found)):
        colour, why = UNKNOWN, held
    return Part(name, colour, value, amber, red, why, found)


def accuracy_loss(repeats: Sequence[Record], amber: float, red: float) -> tuple:
    """Accuracy on full data less that of the set, and its gain on a random subset."""
    value, found = _loss(repeats, headline.accuracy)
    gain = _difference(repeats, headline.accuracy, "distilled", "random_subset")
    return value, found | {"gain": gain}


def class_gap(repeats: Sequence[Record], amber: float, red: float) -> tuple:
    """Gap between classes over the best one, less that of full data."""
    value, found = _loss(repeats, _relative_gap, sign=-1)
    return value, found | {"lost": _lost_classes(repeats)}


def membership_auc(repeats: Sequence[Record], amber: float, red: float) -> tuple:
    """AUC of the strongest attack; one below 0.5 works with its answers inverted."""
    return strongest(repeats, amber, red, lambda attack: attack.auc, inverted)


def membership_tpr(repeats: Sequence[Record], amber: float, red: float) -> tuple:
    """TPR at 1 % FPR of the attack that is strongest there."""
    value, found = strongest(repeats, amber, red, lambda attack: attack.tpr)
    if found:
        rates = [headline.resolution(record, found["threat"]) for record in repeats]
        found["resolves"] = max(filter(None, rates), default=None)
    return value, found


def robust_accuracy_loss(repeats: Sequence[Record], amber: float, red: float) -> tuple:
    """Accuracy under attack on full data less that of the distilled set."""
    pairs = [pair for record in repeats if (pair := headline.compared(record))]
    if not pairs:
        return None, {}
    eps = pairs[0][0].eps
    value, found = _loss(repeats, lambda r, pipe: headline.at_radius(r, pipe, eps))
    clean = [lookup(record, "robustness", "distilled", "clean") for record in repeats]
    return value, found | {"eps": eps, "clean": pooled(clean)}


MEASURES: dict[str, Callable[[Sequence[Record], float, float], tuple]] = {
    "accuracy_loss": accuracy_loss,
    "class_gap": class_gap,
    "membership_auc": membership_auc,
    "membership_tpr": membership_tpr,
    "robust_accuracy_loss": robust_accuracy_loss,
}


def _loss(
    repeats: Sequence[Record], measure: Callable[..., dict | None], sign: int = 1
) -> tuple[dict | None, dict[str, Any]]:
    """`sign * (full data - distilled)`, and the number of each training data."""
    found = {
        pipe: pooled([measure(record, pipe) for record in repeats])
        for pipe in ("distilled", *BESIDE)
    }
    sides = ("full_data", "distilled")[::sign]
    return _difference(repeats, measure, *sides), found


def _difference(
    repeats: Sequence[Record], measure: Callable[..., dict | None], of: str, less: str
) -> dict | None:
    """A number on one kind of training data less that on another."""
    pairs = [[estimate(measure(r, pipe)) for pipe in (of, less)] for r in repeats]
    return pooled([difference(*pair) for pair in pairs if all(pair)])


def _relative_gap(record: Record, pipe: str) -> dict | None:
    """The gap from best to worst class over the best, which is taken as known."""
    gap = estimate(lookup(record, "fairness", pipe, "class_gap"))
    worst = headline.mean(headline.worst_class(record, pipe))
    best = gap["mean"] + worst if gap and worst is not None else 0.0
    if not gap or best <= 0:
        return None
    ci = [bound / best for bound in gap["ci"]] if gap["ci"] else None
    return {"mean": gap["mean"] / best, "ci": ci, "n": gap["n"]}


def _lost_classes(repeats: Sequence[Record]) -> list[tuple[str | int, float]]:
    """The classes that lose most against full data: name or number, accuracy lost."""
    record = repeats[0]
    full, ours = (
        lookup(record, "accuracy", pipe, "per_class") or ()
        for pipe in ("full_data", "distilled")
    )
    means = (map(headline.mean, own) for own in (full, ours))
    names = dict(enumerate(record["run"].get("class_names") or ()))
    losses = [
        (names.get(c) or c, f - d)
        for c, (f, d) in enumerate(zip(*means))
        if f is not None and d is not None and above(f, d)
    ]
    return sorted(losses, key=lambda loss: -loss[1])[:LOST_CLASSES]


def _caveat(name: str, repeats: Sequence[Record], found: dict[str, Any]) -> str:
    """Why a green does not count; empty where it does."""
    first = repeats[0]
    accuracy = pooled([headline.accuracy(record) for record in repeats])
    if name != "accuracy_loss" and headline.above_chance(first, accuracy) is False:
        return CHANCE
    compared = not name.startswith("membership")
    if compared and any(map(headline.full_data_falls_short, repeats)):
        return NO_BOUND
    if name == "robust_accuracy_loss":
        if any(_masked(record) for record in repeats):
            return MASKED
        if headline.above_chance(first, found["full_data"]) is False:
            return FLOOR
    return ""


def _masked(record: Record) -> bool:
    checks = lookup(record, "robustness", "distilled", "checks") or {}
    return any(passed is False for passed in checks.values())
