"""Records as one wide table for pandas or Polars: a row a Record, a column a value."""

from collections.abc import Iterator, Sequence
from typing import Any

from dd_jax.report.record_leaves import Key, leaves
from dd_jax.types import Record

TYPES = {"number": float, "fraction": float, "whole": int, "text": str, "flag": bool}


def columns(records: Sequence[Record]) -> tuple[dict[str, list], dict[str, type]]:
    """Values by column, None where a Record lacks the value, and the type of each.

    The type is that of the schema, whatever the values at hand: int for counts, float
    for other numbers, bool, str. What the schema does not know (parts of plug-ins) has
    that of its values, where every number is a float; of several kinds it is text.

    >>> values, types = columns([{"run": {"ipc": 1}}, {"run": {"ipc": 10, "seed": 0}}])
    >>> values, types["run.ipc"], types["run.seed"]
    ({'run.ipc': [1.0, 10.0], 'run.seed': [None, 0]}, <class 'float'>, <class 'int'>)
    """
    rows: list[dict[str, Any]] = []
    types: dict[str, type] = {}
    for record in records:
        row = {}
        for name, of_schema, value in _cells(record):
            row[name] = value
            if types.setdefault(name, of_schema) is not of_schema:
                types[name] = str
        rows.append(row)
    typed = {
        name: [_as(as_type, row.get(name)) for row in rows]
        for name, as_type in types.items()
    }
    return typed, types


def _cells(record: Record) -> Iterator[tuple[str, type, Any]]:
    for leaf in leaves(record):
        name = column_name(leaf.keys)
        if leaf.kind.startswith("estimate"):
            for key, value in leaf.value.items():
                yield f"{name}.{key}", float, value
        else:
            yield name, TYPES[leaf.kind], leaf.value


def column_name(keys: Sequence[Key]) -> str:
    """The name of a column.

    >>> from dd_jax.report.record_leaves import Point
    >>> column_name(("pgd_linf", Point(0.1), "norm"))
    'pgd_linf[eps=0.1].norm'
    >>> column_name(("per_class", 0)), column_name(("tpr_at_fpr", "0.1", "mean"))
    ('per_class[0]', 'tpr_at_fpr[0.1].mean')
    """
    first, *rest = map(str, keys)
    whole = zip(keys[1:], rest)
    return first + "".join(
        f".{text}" if isinstance(key, str) and "." not in key else f"[{text}]"
        for key, text in whole
    )


def _as(as_type: type, value: Any) -> Any:
    return None if value is None else as_type(value)
