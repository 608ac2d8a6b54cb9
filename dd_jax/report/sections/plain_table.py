"""A part of a Record that has no section of its own, as a table of its numbers."""

from typing import Any

from dd_jax.report.blocks import Block, Table, Text, grid
from dd_jax.report.display_names import PIPE_NAMES
from dd_jax.report.formats import NOT_MEASURED, Cell, format_value, number
from dd_jax.report.schema import PIPES

MOST_ROWS = 200
MOST_ITEMS = 8  # of a list
LONGEST_TEXT = 200


def blocks(part: Any, title: str) -> list[Block]:
    """A row for each number, nested keys joined by commas; lists and long parts cut.

    Args:
      part: what an audit wrote, parsed JSON.
      title: of the table.
    """
    table, total = plain_table(part)
    cut = f"The first {MOST_ROWS} of {total} rows; record.json holds all."
    note = [Text(cut, small=True)] if total > MOST_ROWS else []
    return [*grid(title, table), *note]


def plain_table(part: Any) -> tuple[Table, int]:
    """The table, cut to `MOST_ROWS`, and how many rows there are.

    Where all keys of a part are training data, these are the columns.

    >>> table, _ = plain_table({"distilled": {"a": 1}, "full_data": {"a": 0.5}})
    >>> table.columns, [[str(cell) for cell in row] for row in table.rows]
    (('', 'Distilled', 'Full data'), [['a', '1', '0.5']])
    """
    across = isinstance(part, dict) and part and set(part) <= set(PIPES)
    groups = part if across else {"": part}
    flat = {name: dict(_flattened(own)) for name, own in groups.items()}
    keys = list(dict.fromkeys(key for own in flat.values() for key in own))
    rows = [
        (key or "value", *(own.get(key, "") for own in flat.values()))
        for key in keys[:MOST_ROWS]
    ]
    names = [PIPE_NAMES.get(name, name) or "Value" for name in groups]
    return Table(("", *names), rows), len(keys)


def _flattened(value: Any, path: str = "") -> list[tuple[str, Cell | str]]:
    """`(path, cell)` of every number, text and list."""
    inner = lambda key: f"{path}, {key}" if path else str(key)
    if isinstance(value, dict) and value and "mean" not in value:
        return [row for key in value for row in _flattened(value[key], inner(key))]
    if isinstance(value, dict) and value:
        others = {k: v for k, v in value.items() if k not in ("mean", "ci", "n")}
        more = [row for key in others for row in _flattened(others[key], inner(key))]
        return [(path, number(value)), *more]
    if isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        shown = [
            row
            for i, item in enumerate(value[:MOST_ITEMS])
            for row in _flattened(item, inner(i + 1))
        ]
        return shown + _rest(value, inner("..."))
    return [(path, _text(value))]


def _rest(values: list, path: str) -> list[tuple[str, str]]:
    more = len(values) - MOST_ITEMS
    return [(path, f"{more} more")] if more > 0 else []


def _text(value: Any) -> str:
    if isinstance(value, list) and len(value) > MOST_ITEMS:
        shown = ", ".join(format_value(item) for item in value[:MOST_ITEMS])
        return f"{shown}, ... ({len(value)} in all)"
    if isinstance(value, list):
        return ", ".join(map(format_value, value))
    text = NOT_MEASURED if value in (None, {}) else format_value(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
