"""What the parts of a Record hold, and what is wrong with one that does not."""

from typing import Any

from dd_jax.report.shapes import (
    Wrong,
    each,
    estimate,
    fields,
    flag,
    listed,
    number,
    plain,
    text,
)
from dd_jax.types import InputError, Record

PIPES = ("distilled", "random_subset", "full_data")
RUN_KEYS = ("id", "method", "dataset", "arch", "ipc", "init", "num_classes")
BY_PIPE = ("accuracy", "fairness", "privacy", "robustness")

_number, _share, _count = number(), number(0, 1), number(0, whole=True)
_rate, _mean = estimate(_share), estimate(_number)
_rates = {"auc": _rate, "tpr_at_fpr": each(_rate)}
_slices = each(fields({}, _rates), numbered=True)
_score = _rates | {
    "balanced_accuracy": _rate,
    "ppv": each(_rate),
    "smallest_fpr": _share,
    "known_randomness": fields({}, _rates),  # in Records of earlier versions
    "shared_seed": fields({}, _rates),
    "calibrated": each(fields({}, {"tpr": _rate, "achieved_fpr": _rate})),
    "by_class": _slices,
    "by_group": _slices,
    "canaries": _slices,
}
_at = {"eps": number(0, 1e6), "norm": text}
_settings = {"steps": _count, "step_size": _number, "restarts": _count}
_left = {"accuracy": _rate, "components": each(_rate), "per_class": listed(_share)}
_row = fields(_at, _settings | _left)
_attacked = {
    "clean": _rate,
    "attacks": each(listed(_row)),
    "worst_case": listed(_row),
    "ratios": listed(fields(_at, {"rome": _mean, "beard": _mean})),
    "area": each(_mean),
    "median_fall": each(_mean),
    "median_perturbation": each(_mean),
    "zero_gradients": _rate,
    "checks": each(flag),
}
_pools = fields({}, {"train": _mean, "holdout": _mean})
_likeness = {
    "closer_to_train": _rate,
    "distance_ratio": _pools,
    "singled_out": _pools,
    "residual_risk": _mean,
}
_fairness = {
    "class_gap": _mean,
    "worst_class": _rate,
    "class_std": _mean,
    "cvar": _rate,
    "induced_drop": estimate(_number, {"max": _mean}),
    "deo_max": _mean,
    "deo_mean": _mean,
}


def _by_pipe(check, **others):
    return fields({}, dict.fromkeys(PIPES, check) | others)


RUN = fields(
    {
        "id": text,
        "method": text,
        "dataset": text,
        "arch": text,
        "ipc": number(0),
        "num_classes": number(1, whole=True),
    },
    {
        "init": text,
        "width": _number,
        "seed": _number,
        "sets": _count,
        "nets": _count,
        "ratio": number(0),
        "split": text,
        "class_names": listed(text),
        "versions": each(text),
    },
)
PARTS = {
    "accuracy": _by_pipe(estimate(_share, {"per_class": listed(_rate)})),
    "fairness": _by_pipe(fields({}, _fairness)),
    "privacy": _by_pipe(each(each(fields({}, _score)))),
    "robustness": _by_pipe(fields({}, _attacked)),
    "memorisation": fields(
        {},
        {
            "distilled": each(fields({}, _likeness)),
            "copies": each(fields({}, _likeness)),
            "rows": _count,
            "share_of_train": _share,
        },
    ),
    "corruptions": _by_pipe(each(listed(_rate)), mce=each(_mean)),
    "transfer": listed(
        fields(_at | dict.fromkeys(("source", "target", "attack"), text), _left)
    ),
    "learning": listed(
        fields({"seconds": _number}, {"step": _number, "accuracy": _rate})
    ),
    "export": fields({}, {"accuracy": _rate}),
    "cost": fields({}, {"steps_per_second": _number, "peak_bytes": _number}),
    "artifacts": each(text),
}


# Of files beside the Record: what the page reads.
CURVES = fields(
    {},
    {
        "roc": _by_pipe(each(each(listed(listed(_share, 2))))),
        "distil": listed(listed(_number, 2)),
    },
)
_settings_of = lambda *keys: fields({}, dict.fromkeys(keys, _count))
CONFIG = fields(
    {},
    {
        "train": _settings_of("epochs", "full_epochs"),
        "audits": fields(
            {},
            {
                "privacy": _settings_of("epochs", "shadows", "targets", "repeats"),
                "robustness": _settings_of("images"),
            },
        ),
    },
)


def sound(record: Any, where: str) -> tuple[Record, list[str]]:
    """A Record without those of its parts that are not what they should be.

    Args:
      record: parsed JSON.
      where: what to call it in a message.

    Returns:
      The Record, and what is wrong with each part that was left out.

    Raises:
      InputError: it does not say which run it is of.
    """
    if not isinstance(record, dict) or not isinstance(record.get("run"), dict):
        raise InputError(f"{where}: no `run` part; need a Record with run.id and so on")
    if missing := [key for key in RUN_KEYS if key not in record["run"]]:
        raise InputError(f"{where}: run.{missing[0]} is missing; need {RUN_KEYS}")
    problems = {part: wrong for part in record if (wrong := _problem(record, part))}
    if "run" in problems:
        raise InputError(f"{where}: {problems['run']}")
    kept = {part: value for part, value in record.items() if part not in problems}
    return kept, [f"{where}: {problem}" for problem in problems.values()]


def validate(record: Any, where: str = "record") -> Record:
    """Check the whole of one Record; returns it.

    Holds the keys that every table needs, the types of what tables show, the pipeline
    names, shares in [0, 1], and numbers that are finite (what was not measured is null,
    never NaN).

    Args:
      record: parsed JSON.
      where: what to call it in the message.

    Raises:
      InputError: the first thing wrong, by its path in the Record.
    """
    _, problems = sound(record, where)
    if problems:
        raise InputError(problems[0])
    return record


def _problem(record: Record, part: str) -> str | None:
    """What is wrong with one part, after its path; None if nothing is."""
    value = record[part]
    if part in BY_PIPE and isinstance(value, dict):
        if unknown := value.keys() - set(PIPES):
            return f"{part}.{min(unknown)} is unknown; use {PIPES}"
    try:
        (RUN if part == "run" else PARTS.get(part, plain))(value)
        plain(value)
    except Wrong as wrong:
        return wrong.at(part)
    return None
