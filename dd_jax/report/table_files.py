"""`--export=FILE`: Records as a table in a file, its format by the suffix."""

import csv
import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dd_jax.report import latex, long_table, record_table
from dd_jax.system import disk
from dd_jax.types import InputError, Record

FORMS = {"wide": record_table.columns, "long": long_table.columns}
FORMED = (".csv", ".parquet")  # by one of FORMS
SUFFIXES = (*FORMED, ".tex")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check(path: Path) -> None:
    """Refuse a file that could not be written, before Records are read.

    Raises:
      InputError: another suffix, or no pyarrow for `.parquet`.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"--export={path}: need a file name in {', '.join(SUFFIXES)}")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise InputError(
            "--export to Parquet needs pyarrow: pip install -e '.[parquet]'"
        )


def write(records: Sequence[Record], path: Path, form: str = "wide") -> None:
    """Write Records to a file.

    Args:
      records: checked Records.
      path: in `.csv`, `.parquet` or, for tables of a paper, `.tex`.
      form: of the first two: `wide`, see `record_table`, or `long`, see `long_table`.
    """
    check(path)
    if path.suffix == ".tex":
        text = latex.document(records).encode()
    else:
        values, types = FORMS[form](records)
        text = _csv(values) if path.suffix == ".csv" else _parquet(values, types)
    disk.replace(path, text)


def _csv(values: dict[str, list]) -> bytes:
    """Text that a spreadsheet would run as a formula is given a leading quote."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, values))
    writer.writerows(map(_cell, row) for row in zip(*values.values()))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    runs = isinstance(value, str) and value.startswith(_FORMULA)
    return f"'{value}" if runs else value


def _parquet(values: dict[str, list], types: dict[str, type]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    schema = pa.schema([(name, arrow[of]) for name, of in types.items()])
    buffer = io.BytesIO()
    pq.write_table(pa.table(values, schema), buffer)
    return buffer.getvalue()
