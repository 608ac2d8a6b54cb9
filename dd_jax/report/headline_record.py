"""A Record cut down to its headline numbers, since a sweep has thousands of Records."""

from dd_jax.report import headline
from dd_jax.report.records import lookup
from dd_jax.report.schema import PIPES
from dd_jax.types import Record

RUN = (
    *("id", "method", "dataset", "arch", "width", "ipc", "init"),
    *("num_classes", "seed", "split", "labels", "config", "adversarial", "precision"),
    *("fair", "differential_privacy", "method_form"),
)


def cut_down(record: Record) -> Record:
    """A Record with only the headline numbers, in their places.

    Args:
      record: one checked Record.

    Returns:
      A Record of which `headline`, `trends`, `repeats` and `tables.overview` say the
      same.
    """
    of_pipes = lambda part, make: {
        pipe: made for pipe in PIPES if (made := make(lookup(record, part, pipe), pipe))
    }
    found = {
        "run": {key: record["run"][key] for key in RUN if key in record["run"]},
        "accuracy": of_pipes("accuracy", lambda value, _: _estimate(value)),
        "fairness": of_pipes(
            "fairness",
            lambda part, _: (
                part and {"worst_class": _estimate(part.get("worst_class"))}
            ),
        ),
        "privacy": of_pipes("privacy", lambda _, pipe: _membership(record, pipe)),
        "robustness": of_pipes("robustness", lambda _, pipe: _robustness(record, pipe)),
    }
    cost = record.get("cost") or {}
    found["cost"] = {k: v for k, v in cost.items() if k.endswith("_seconds")}
    curve = record.get("learning_curve") or []
    found["learning_curve"] = [
        {key: row.get(key) for key in ("step", "seconds")}
        | {"accuracy": _estimate(row.get("accuracy"))}
        for row in curve
    ]
    return {part: value for part, value in found.items() if value}


def _estimate(value):
    if not isinstance(value, dict):
        return value
    kept = {key: value.get(key) for key in ("mean", "ci", "n")}
    return kept | ({"resolved": False} if value.get("resolved") is False else {})


def _membership(record: Record, pipe: str) -> dict | None:
    attack = headline.membership(record, pipe)
    if attack is None:
        return None
    rates = {
        "auc": _estimate(attack.auc),
        "tpr_at_fpr": {headline.FPR: _estimate(attack.tpr)},
    }
    return {attack.threat: {attack.score: rates}}


def _robustness(record: Record, pipe: str) -> dict | None:
    attack = headline.robustness(record, pipe)
    rows = lookup(record, "robustness", pipe, "worst_case") or []
    found = {
        "attacks": {attack.attack: [_row(attack._asdict())]} if attack else {},
        "worst_case": [_row(row) for row in rows if row["norm"] == "linf"],
    }
    return {key: value for key, value in found.items() if value}


def _row(row: dict) -> dict:
    return {
        "eps": row["eps"],
        "norm": row["norm"],
        "accuracy": _estimate(row.get("accuracy")),
    }
