"""Records as one table for pandas or Polars: a row a Record, a column a value."""

import csv
import io
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dd_jax.system import disk
from dd_jax.types import InputError, Record

SUFFIXES = (".csv", ".parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check(path: Path) -> None:
    """Refuse a file that could not be written, before Records are read.

    Raises:
      InputError: a suffix other than `.csv` and `.parquet`, or no pyarrow.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"--export={path}: need a file name in {' or '.join(SUFFIXES)}"
        )
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise InputError(
            "--export to Parquet needs pyarrow: pip install -e '.[parquet]'"
        )


def write(records: Sequence[Record], path: Path) -> None:
    """Write Records to a `.csv` or `.parquet` file; see `columns`."""
    check(path)
    table = columns(records)
    disk.replace(path, _csv(table) if path.suffix == ".csv" else _parquet(table))


def columns(records: Sequence[Record]) -> dict[str, list]:
    """Values by column, each of one type, None where a Record lacks the value.

    A column is bool, int, float or str: int where all its numbers are whole, float
    where it has no value at all, str where its values are of several kinds.

    >>> columns([{"run": {"ipc": 1}}, {"run": {"ipc": 10, "ratio": 0.5}}])
    {'run.ipc': [1, 10], 'run.ratio': [None, 0.5]}
    """
    rows = [dict(_flat(record)) for record in records]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _one_type([row.get(name) for row in rows]) for name in names}


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars of a Record by name.

    >>> dict(_flat({"accuracy": {"mean": 0.5, "ci": [0.4, 0.6]}}))
    {'accuracy.mean': 0.5, 'accuracy.ci_low': 0.4, 'accuracy.ci_high': 0.6}
    >>> dict(_flat({"pgd_linf": [{"eps": 0.1, "norm": "linf", "accuracy": 0.3}]}))
    {'pgd_linf[eps=0.1].norm': 'linf', 'pgd_linf[eps=0.1].accuracy': 0.3}
    >>> dict(_flat({"per_class": [0.5, 1.0], "tpr_at_fpr": {"0.1": 0.2}}))
    {'per_class[0]': 0.5, 'per_class[1]': 1.0, 'tpr_at_fpr[0.1]': 0.2}
    """
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "ci" and part is None:
                continue
            if key == "ci" and isinstance(part, list) and len(part) == 2:
                yield f"{name}.ci_low", part[0]
                yield f"{name}.ci_high", part[1]
            elif "." in key:
                yield from _flat(part, f"{name}[{key}]")
            else:
                yield from _flat(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        radii = list(map(_radius, value))
        by_radius = None not in radii and len(set(radii)) == len(radii)
        for index, (radius, part) in enumerate(zip(radii, value)):
            if by_radius:
                rest = {key: item for key, item in part.items() if key != "eps"}
                yield from _flat(rest, f"{name}[eps={radius}]")
            else:
                yield from _flat(part, f"{name}[{index}]")
    else:
        yield name, value


def _radius(part: Any) -> str | None:
    """The radius of a point of a curve in six digits: radii are stored as float32."""
    eps = part.get("eps") if isinstance(part, dict) else None
    return f"{eps:.6g}" if isinstance(eps, int | float) else None


def _one_type(values: list) -> list:
    found = [value for value in values if value is not None]
    kinds = set(map(type, found))
    if kinds == {int, float}:
        as_kind = float
    elif len(kinds) > 1 or any(_long(value) for value in found):
        as_kind = str
    else:
        return values
    return [None if value is None else as_kind(value) for value in values]


def _long(value: Any) -> bool:
    """Whether it is a whole number of more than 64 bits."""
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _csv(table: dict[str, list]) -> bytes:
    """Text that a spreadsheet would run as a formula is given a leading quote."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, table))
    writer.writerows(map(_cell, row) for row in zip(*table.values()))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    runs = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if runs else value


def _parquet(table: dict[str, list]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    arrays = {
        name: pa.array(
            values,
            types[type(next((v for v in values if v is not None), 0.0))],
        )
        for name, values in table.items()
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()
