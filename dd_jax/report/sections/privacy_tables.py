"""Tables of membership inference: attacks, thresholds, classes, groups, canaries."""

from collections.abc import Callable

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.display_names import PIPE_NAMES, class_name, display_name
from dd_jax.report.formats import Cell, decimal, level, percent
from dd_jax.report.records import lookup
from dd_jax.types import Record

FPR_LEVELS = {"0.1": 1, "0.01": 1, "0.001": 2, "0.0001": 3}  # digits of a TPR there
PRIORS = ("0.01", "0.1", "0.5")
KINDS = (  # of canaries
    "mislabelled",
    "out of distribution",
    "in four copies",
    "in four near copies",
    "hardest by EL2N",
)
USES = {"used": "were initial images", "not_used": "all others"}
LEVELS = ("0.1", "0.01")
UNRESOLVED = {"mean": None}


def attacks(record: Record) -> Table | None:
    """Every membership attack by training data, down to the rates that resolve."""
    rows = [
        (
            _attack(record, pipe, threat, score),
            decimal(row.get("auc")),
            percent(row.get("balanced_accuracy")),
            *(
                percent(lookup(row, "tpr_at_fpr", fpr), digits)
                for fpr, digits in FPR_LEVELS.items()
            ),
            *(percent(lookup(row, "ppv", prior)) for prior in PRIORS),
        )
        for pipe in PIPE_NAMES
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in (scores or {}).items()
        if row
    ]
    columns = (
        "Training data, attack",
        "AUC",
        "Balanced accuracy",
        *(f"TPR at {level(fpr)} FPR" for fpr in FPR_LEVELS),
        *(f"PPV at prior {level(prior)}" for prior in PRIORS),
    )
    return Table(columns, rows) if rows else None


def _attack(record: Record, pipe: str, threat: str, score: str) -> Cell:
    name = display_name(score, record, "score")
    return Cell(PIPE_NAMES[pipe], f"{name}; {threat.upper()}")


def at_shadow_thresholds(record: Record) -> Table | None:
    """Rates at thresholds that were set on shadow models, by attack."""
    rows = [
        (
            _attack(record, pipe, threat, score),
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
    return Table(("Training data, attack", *columns), rows) if rows else None


def at_row_thresholds(record: Record) -> Table | None:
    """TPRs at one threshold for all rows, and at thresholds of each row's own."""
    rows = [
        (
            _attack(record, pipe, threat, score),
            *(
                percent(lookup(row, part, fpr), FPR_LEVELS[fpr])
                for fpr in LEVELS
                for part in ("tpr_at_fpr", "tpr_at_fpr_per_row")
            ),
        )
        for pipe in PIPE_NAMES
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in (scores or {}).items()
        if row and row.get("tpr_at_fpr_per_row")
    ]
    columns = [
        f"TPR at {level(fpr)} FPR, {which}"
        for fpr in LEVELS
        for which in ("one threshold", "a threshold a row")
    ]
    return Table(("Training data, attack", *columns), rows) if rows else None


def overlap(record: Record) -> Table | None:
    """Members that each attack finds, alone and with each other attack."""
    known = lookup(record, "privacy", "overlap") or {}
    scores = {threat: lookup(known, threat, "scores") or {} for threat in known}
    names = list(dict.fromkeys(name for own in scores.values() for name in own))
    shown = {name: display_name(name, record, "score") for name in names}
    rows = []
    for threat, own in scores.items():
        for name, found in own.items():
            shares = (percent(lookup(found, part)) for part in ("found", "alone"))
            index = (
                "" if other == name else _index(lookup(found, "jaccard", other))
                for other in names
            )
            rows.append((Cell(shown[name], threat.upper()), *shares, *index))
        rate = f"at {percent(lookup(known, threat, 'any_fpr')).text} FPR"
        found = percent(lookup(known, threat, "any"))._replace(detail=rate)
        blank = [""] * len(names)
        rows.append((Cell("Any of them", threat.upper()), found, "", *blank))
    columns = ("Attack", "Members found", "By it alone")
    others = (f"Overlap with {shown[name]}" for name in names)
    return Table((*columns, *others), rows) if rows else None


def _index(value: float | None) -> Cell:
    return Cell("none found") if value is None else decimal(value)


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


def initial_images(record: Record) -> Table | None:
    """The headline attack on members that were initial images, and the others."""
    attack = headline.membership(record)
    if attack is None:
        return None
    part = lambda pipe: lookup(record, "privacy", pipe, *attack[:2], "initial_images")
    rows = [
        (
            Cell(PIPE_NAMES[pipe], USES.get(use, use)),
            str(figures["members"]),
            decimal(figures.get("auc")),
            percent(lookup(figures, "tpr_at_fpr", headline.FPR)),
        )
        for pipe in PIPE_NAMES
        for use, figures in (part(pipe) or {}).items()
    ]
    columns = ("Training data, members", "Number, all targets together", "AUC")
    rate = f"TPR at {level(headline.FPR)} FPR"
    return Table((*columns, rate), rows) if rows else None


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
