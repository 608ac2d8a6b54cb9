"""Evaluations kept beside the sets, so that one more set is evaluated alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dd_jax.benchmark.adding import public
from dd_jax.benchmark.published_set import PublishedSet
from dd_jax.report import headline
from dd_jax.report.schema import validate
from dd_jax.system import disk
from dd_jax.system.paths import NO_FILE, no_file
from dd_jax.types import InputError, Record

FILE = "evaluations.json"


class Kept(NamedTuple):
    """An evaluation of a set.

    Attributes:
      record: of the run that evaluated it.
      rows: a digest of those that it was evaluated on.
    """

    record: Record
    rows: str


def kept(folder: Path, sets: Sequence[PublishedSet]) -> dict[str, Kept]:
    """The evaluations of sets whose files are as they were then, by name.

    Raises:
      InputError: the file of evaluations is damaged.
    """
    path = folder / FILE
    if no_file(path) == NO_FILE:
        return {}
    try:
        stated = json.loads(path.read_bytes())
        known = [(each, stated[each.name]) for each in sets if each.name in stated]
        return {
            each.name: _checked(row, str(path))
            for each, row in known
            if row["file"] == disk.file_digest(each.path)
        }
    except (ValueError, TypeError, KeyError, RecursionError, InputError) as error:
        raise InputError(
            f"{path}: is damaged; remove it, and evaluate all sets with --keep"
        ) from error


def _checked(row: dict, where: str) -> Kept:
    """An evaluation with all that the page needs of it."""
    record = validate(row["record"], where)
    mean = headline.mean(headline.accuracy(record))
    if not record["run"]["split"] or mean is None:
        raise ValueError("no accuracy, or no name of the rows")
    return Kept(record, str(row["rows"]))


def keep(folder: Path, sets: Sequence[PublishedSet], found: Mapping[str, Kept]) -> None:
    """Writes the evaluations of sets, a line each, without paths."""
    lines = []
    for each in sorted(sets):
        if one := found.get(each.name):
            row = {"file": disk.file_digest(each.path), "rows": one.rows}
            row |= {"record": public(one.record)}
            lines.append(f"{json.dumps(each.name)}: {json.dumps(row, sort_keys=True)}")
    disk.replace(folder / FILE, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
