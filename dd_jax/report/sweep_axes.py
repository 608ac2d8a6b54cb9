"""Which run keys of a sweep vary, and which goes along x, to lines and to panels."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from dd_jax.report.display_names import fair_form
from dd_jax.report.run_keys import NAMED, NUMERIC
from dd_jax.types import Record


class Layout(NamedTuple):
    """The run keys of the x axis, of the lines and of the panels."""

    x: str
    line: str | None
    panels: tuple[str, ...]


def layout(records: Sequence[Record]) -> Layout | None:
    """Choose axes from the run keys that vary; None where none does.

    x is the first of `ipc num_classes width` that varies, else that of `init method
    arch dataset` with the most values; lines the first other of `init method arch
    dataset`, else of the numeric ones; panels the rest. Runs that differ in no such key
    (seeds) are repeats. A number that some runs lack (a width, where architectures
    vary) is used only for panels.
    """
    seen = {
        key: {record["run"].get(key) for record in records}
        for key in (*NUMERIC, *NAMED)
    }
    partial = [key for key in NUMERIC if None in seen[key]]
    varying = [key for key in seen if len(seen[key]) > 1 and key not in partial]
    if not varying:
        return None
    first = varying[0]
    x = first if first in NUMERIC else max(varying, key=lambda key: len(seen[key]))
    rest = [key for key in varying if key != x]
    line = next((key for key in rest if key in NAMED), rest[0] if rest else None)
    panels = [key for key in rest if key != line]
    panels += [key for key in partial if len(seen[key]) > 2]
    return Layout(x, line, tuple(panels))


def ordered(records: Sequence[Record]) -> list[Record]:
    """Records by their varying run keys, panels outermost.

    Where none varies, by the form of fair distillation; else as given.
    """
    axes = layout(records)
    if axes is None:
        return sorted(records, key=fair_form)
    keys = (*axes.panels, *([axes.line] if axes.line else []), axes.x)
    return [record for _, members in grouped(records, keys) for record in members]


def grouped(records: Sequence[Record], keys: Sequence[str]) -> list[tuple]:
    """`(values, Records)` of Records that agree in some run keys, in order."""

    def values(record: Record) -> tuple:
        return tuple(record["run"].get(key) for key in keys)

    rows = sorted(records, key=lambda r: [(v is not None, v) for v in values(r)])
    return [(value, list(members)) for value, members in groupby(rows, key=values)]
