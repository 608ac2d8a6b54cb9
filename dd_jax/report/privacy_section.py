"""Tables behind the membership figures, and of likeness to training images."""

from collections.abc import Callable

from dd_jax.report import headline
from dd_jax.report.formats import (
    PIPE_NAMES,
    Shown,
    class_name,
    decimal,
    level,
    percent,
    spoken,
)
from dd_jax.report.records import lookup
from dd_jax.report.tables import Table
from dd_jax.types import Record

KINDS = ("mislabelled", "out of distribution", "in four copies")  # of canaries
LEVELS = ("0.1", "0.01")
UNRESOLVED = {"mean": None}
POOLS = ("train", "holdout")
RELEASED = {"distilled": "Distilled", "copies": "Copies of training images"}


def calibrated(record: Record) -> Table | None:
    """Rates at thresholds that were set on shadows alone, by attack."""
    rows = [
        (
            Shown(PIPE_NAMES[pipe], f"{spoken(score)}; {threat.upper()}"),
            *(
                percent(lookup(row, "calibrated", fpr, rate) or UNRESOLVED)
                for fpr in LEVELS
                for rate in ("tpr", "achieved_fpr")
            ),
        )
        for pipe in PIPE_NAMES
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in (scores or {}).items()
        if row and row.get("calibrated")
    ]
    columns = [
        f"{rate}, aim {level(fpr)}"
        for fpr in LEVELS
        for rate in ("TPR", "Achieved FPR")
    ]
    return Table(("Trained on, attack", *columns), rows) if rows else None


def classes(record: Record) -> Table | None:
    """The headline attack on the rows of each class."""
    name = lambda number: class_name(record, int(number))
    return _slices(record, "by_class", "Class", name)


def groups(record: Record) -> Table | None:
    """The headline attack on the rows of each group."""
    return _slices(record, "by_group", "Group", lambda group: f"group {group}")


def canaries(record: Record) -> Table | None:
    """The headline attack on each kind of canary."""
    name = lambda kind: dict(enumerate(KINDS)).get(int(kind), f"kind {kind}")
    return _slices(record, "canaries", "Canary", name)


def _slices(
    record: Record, part: str, heading: str, name: Callable[[str], str]
) -> Table | None:
    attack = headline.membership(record)
    if attack is None:
        return None
    known = {
        pipe: found
        for pipe in PIPE_NAMES
        if (found := lookup(record, "privacy", pipe, *attack[:2], part))
    }
    parts = sorted({key for found in known.values() for key in found}, key=int)
    rows = [
        (
            name(key),
            *(
                show(lookup(found, key, *path))
                for found in known.values()
                for show, path in (
                    (decimal, ("auc",)),
                    (percent, ("tpr_at_fpr", headline.FPR)),
                )
            ),
        )
        for key in parts
    ]
    columns = [
        f"{PIPE_NAMES[pipe]}, {figure}"
        for pipe in known
        for figure in ("AUC", f"TPR at {level(headline.FPR)} FPR")
    ]
    return Table((heading, *columns), rows) if rows else None


def likeness(record: Record) -> Table | None:
    """How near released images come to train, and copies of train beside them."""
    rows = [
        (
            Shown(name, space.replace("_", " ")),
            percent(lookup(figures, "closer_to_train")),
            *(decimal(lookup(figures, "distance_ratio", pool)) for pool in POOLS),
            *(percent(lookup(figures, "singled_out", pool)) for pool in POOLS),
            decimal(lookup(figures, "residual_risk")),
        )
        for key, name in RELEASED.items()
        for space, figures in (lookup(record, "memorisation", key) or {}).items()
    ]
    columns = (
        "Images, compared by",
        "Closer to train",
        "Distance ratio, train",
        "Distance ratio, holdout",
        "Single out a train image",
        "Single out a holdout image",
        "Residual risk",
    )
    return Table(columns, rows) if rows else None
