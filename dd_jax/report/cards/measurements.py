"""What a run measured, as cards hold it: numbers with intervals, null where none."""

from collections.abc import Callable
from typing import Any

from dd_jax.report import headline
from dd_jax.report.display_names import class_name
from dd_jax.report.intervals import clopper_pearson
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import PIPES, audits
from dd_jax.report.verdict import verdicts
from dd_jax.types import Record

SHOWN = ("accuracy", "fairness", "privacy", "robustness", "data")
FAIRNESS = (
    *("worst_class", "class_gap", "class_std", "cvar"),
    *("deo_max", "deo_mean", "demographic_parity", "worst_group"),
)


def measurements(record: Record) -> dict[str, Any]:
    """Accuracy, fairness, membership, robustness and privacy of a run.

    Args:
      record: one checked Record, without paths.

    Returns:
      A part for each, by training data; `also`, the other audits of the Record.
    """
    return {
        "unit": "fractions; intervals are of 95 %",
        "evaluated_on": record["run"].get("split"),
        "accuracy": _by_pipe(record, "accuracy", accuracy),
        "fairness": _by_pipe(record, "fairness", fairness),
        "membership": _by_pipe(record, "privacy", membership),
        "robustness": _by_pipe(record, "robustness", robustness),
        "differential_privacy": differential_privacy(record),
        "also": [name for name in audits(record) if name not in SHOWN],
    }


def verdicts_of(record: Record) -> list[dict[str, str]]:
    """The verdicts of the report: level, finding, rule and what they do not show."""
    return [verdict._asdict() for verdict in verdicts(record)]


def _by_pipe(record: Record, part: str, make: Callable) -> dict | None:
    found = {pipe: make(record, pipe) for pipe in PIPES if lookup(record, part, pipe)}
    return found or None


def with_interval(value: Any) -> dict[str, Any] | None:
    """An estimate with its interval over sets or networks, and over images if any.

    >>> with_interval({"mean": 0.5, "ci": [0.4, 0.6], "n": 5})
    {'mean': 0.5, 'interval': [0.4, 0.6], 'n': 5, 'interval_over_images': None}
    """
    known = estimate(value)
    if known is None:
        return None
    of_images = value.get("image_ci") if isinstance(value, dict) else None
    return {
        "mean": known["mean"],
        "interval": known["ci"],
        "n": known["n"],
        "interval_over_images": of_images,
    }


def accuracy(record: Record, pipe: str) -> dict[str, Any]:
    """Accuracy of a pipeline, overall and of each class.

    The interval of a class is Clopper and Pearson's over its evaluation images, as if
    each were classified once: too wide rather than too narrow for a mean over networks.
    It is null where the Record does not say how many there are.
    """
    of_classes = lookup(record, "accuracy", pipe, "per_class") or []
    rows = rows_by_class(record, record["run"].get("split"))
    return {
        "overall": with_interval(headline.accuracy(record, pipe)),
        "by_class": [
            {"class": class_name(record, number)}
            | _of_class(value, rows[number] if number < len(rows) else None)
            for number, value in enumerate(of_classes)
        ],
    }


def _of_class(value: Any, rows: int | None) -> dict[str, Any]:
    found = with_interval(value) or dict.fromkeys(("mean", "interval", "n"))
    mean = found["mean"]
    over_images = found.get("interval_over_images")
    if over_images is None and mean is not None and rows:
        over_images = list(clopper_pearson(min(max(mean, 0), 1) * rows, rows))
    return found | {"interval_over_images": over_images, "images": rows}


def rows_by_class(record: Record, split: str | None) -> list[int | None]:
    """Rows of each class in a split, empty where the data were not audited."""
    classes = lookup(record, "data", "classes")
    rows = classes if isinstance(classes, list) else []
    return [lookup(row, str(split)) for row in rows]


def fairness(record: Record, pipe: str) -> dict[str, Any]:
    """Differences between classes, and between groups where there are any."""
    part = lookup(record, "fairness", pipe)
    drop = None if pipe == "full_data" else headline.induced_drop(record, pipe)
    found = {key: with_interval(lookup(part, key)) for key in FAIRNESS}
    return found | {"largest_drop_from_full_data": with_interval(drop)}


def membership(record: Record, pipe: str) -> dict[str, Any]:
    """AUC, TPR at each FPR and smallest FPR of each attack, by threat."""
    found: dict[str, Any] = {}
    for threat, score, auc, _ in headline.attacks(record, pipe):
        of_score = lookup(record, "privacy", pipe, threat, score)
        rates = of_score.get("tpr_at_fpr") or {}
        found.setdefault(threat, {})[score] = {
            "auc": with_interval(auc),
            "tpr_at_fpr": {fpr: with_interval(tpr) for fpr, tpr in rates.items()},
            "smallest_fpr": of_score.get("smallest_fpr"),
        }
    return found


def robustness(record: Record, pipe: str) -> dict[str, Any]:
    """Accuracy without attack, under each attack and radius, and what checks found."""
    part = lookup(record, "robustness", pipe)
    return {
        "images": part.get("images"),
        "clean": with_interval(part.get("clean")),
        "attacks": {
            name: [_at_radius(row) for row in rows or []]
            for name, rows in (part.get("attacks") or {}).items()
        },
        "all_attacks_together": [
            _at_radius(row) for row in part.get("worst_case") or []
        ],
        "checks": part.get("checks"),
    }


def _at_radius(row: dict) -> dict[str, Any]:
    return {
        "norm": row["norm"],
        "radius": row["eps"],
        "accuracy": with_interval(row.get("accuracy")),
    }


def differential_privacy(record: Record) -> dict[str, Any] | None:
    """The guarantee that a run claims, and the epsilons that its audits found."""
    part = record["run"].get("differential_privacy")
    if not part:
        return None
    keys = ("epsilon", "epsilon_of_exchange", "delta", "protects", "mechanisms")
    return {key: part.get(key) for key in keys} | {
        "audited": part.get("audited"),
        "audited_by_membership": lookup(record, "privacy", "audited_epsilon"),
    }
