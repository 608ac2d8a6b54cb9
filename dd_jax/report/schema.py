"""What a Record and the files beside it hold, and what is wrong with those that do not.

Each audit's part is checked by the `SHAPE` of its section, see `report.sections`.
"""

from typing import Any

from dd_jax.catalogue.naming import present_names
from dd_jax.report import sections
from dd_jax.report.shapes import (
    Check,
    Wrong,
    each,
    ending,
    estimate,
    fields,
    flag,
    listed,
    number,
    only,
    plain,
    text,
)
from dd_jax.types import InputError, Record

PIPES = ("distilled", "random_subset", "full_data", "dp_sgd")
RUN_KEYS = ("id", "method", "dataset", "arch", "ipc", "init", "num_classes")

NUMBER, SHARE, COUNT = number(), number(0, 1), number(0, whole=True)
DIFFERENCE = estimate(number(-1, 1))  # of two fractions
RATE, MEAN = estimate(SHARE), estimate(NUMBER)


def by_pipe(check: Check) -> Check:
    """An object whose values all pass a check, by training data."""
    return only(PIPES, fields({}, dict.fromkeys(PIPES, check)))


AUDITED = dict.fromkeys(("epsilon", "surely", "most"), number(0))
AUDITED["confidence"] = SHARE
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
        "width": COUNT,
        "seed": number(whole=True),
        "sets": COUNT,
        "nets": COUNT,
        "full_nets": COUNT,
        "ratio": number(0),
        "bytes": fields(dict.fromkeys(("images", "labels"), COUNT)),
        "byte_ratio": number(0),
        "split": text,
        "device": text,
        "devices": COUNT,
        "commit": text,
        "dirty": flag,
        "upsampled": flag,
        "loaded": flag,
        "results_version": COUNT,
        "method_form": COUNT,
        "outer_steps": COUNT,
        "rows": COUNT,
        "adversarial": each(NUMBER),
        "fair": fields({"form": text}, {"groups": COUNT, "over": text, "eta": NUMBER}),
        "differential_privacy": fields(
            {
                "epsilon": number(0),
                "epsilon_of_exchange": number(0),
                "delta": number(0, 1),
                "protects": text,
                "mechanisms": listed(
                    fields(
                        {
                            "count": COUNT,
                            "noise_multiplier": number(0),
                            "sampling": SHARE,
                        }
                    )
                ),
            },
            {
                "audited": fields(AUDITED | {"repetitions": COUNT}),
                "dp_sgd": fields(
                    {
                        "epsilon": number(0),
                        "steps": COUNT,
                        "sampling": SHARE,
                        "clip": number(0),
                        "noise_multiplier": number(0),
                        "evaluated": listed(
                            fields(
                                {
                                    "epochs": COUNT,
                                    "epsilon": number(0),
                                    "accuracy": SHARE,
                                }
                            )
                        ),
                    },
                    {"epsilon_at_accuracy": number(0)},
                ),
            },
        ),
        "precision": each(text),
        "class_names": listed(text),
        "labels": each(text),
        "versions": each(text),
    },
)
OF_RUN = {  # parts that are no audit's
    "run": RUN,
    "cost": ending(
        "_seconds",
        NUMBER,
        fields({}, {"steps_per_second": NUMBER, "peak_bytes": NUMBER}),
    ),
    "artifacts": each(text),
}
CURVES = fields(
    {},
    {
        "roc": fields({}, dict.fromkeys(PIPES, each(each(listed(listed(SHARE, 2)))))),
        "distil": listed(listed(NUMBER, 2)),
    },
)
_settings = lambda *keys: fields({}, dict.fromkeys(keys, COUNT))
CONFIG = fields(
    {},
    {
        "train": _settings("epochs", "full_epochs"),
        "audits": fields(
            {},
            {
                "privacy": _settings("epochs", "shadows", "targets", "repeats"),
                "robustness": _settings("images"),
            },
        ),
    },
)


def shape_of(part: str) -> Check:
    """The check of one part of a Record."""
    return OF_RUN[part] if part in OF_RUN else sections.shape_of(part)


def audits(record: Record) -> list[str]:
    """The audits that wrote a part of a Record, in its order."""
    return [part for part in record if part not in OF_RUN]


def sound(record: Any, where: str) -> tuple[Record, list[str]]:
    """A Record without those of its parts that are not what they should be.

    Args:
      record: parsed JSON; parts that older versions named otherwise get their new name.
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
    record = present_names(record)
    problems = {part: wrong for part in record if (wrong := _problem(record, part))}
    if "run" in problems:
        raise InputError(f"{where}: {problems['run']}")
    kept = {part: value for part, value in record.items() if part not in problems}
    return kept, [f"{where}: {problem}" for problem in problems.values()]


def validate(record: Any, where: str = "record") -> Record:
    """Check the whole of one Record.

    Holds the keys that every table needs, the types of what tables show, the names of
    the training data, shares in [0, 1], and numbers that are finite (what was not
    measured is null, never NaN).

    Args:
      record: parsed JSON.
      where: what to call it in the message.

    Returns:
      The Record, its parts under their present names.

    Raises:
      InputError: the first thing wrong, by its path in the Record.
    """
    checked, problems = sound(record, where)
    if problems:
        raise InputError(problems[0])
    return checked


def _problem(record: Record, part: str) -> str | None:
    """What is wrong with one part, after its path; None if nothing is."""
    try:
        shape_of(part)(record[part])
        plain(record[part])
    except Wrong as wrong:
        return wrong.at(part)
    return None
