"""Means over seeds with their intervals, by setting: the tables of a paper."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from dd_jax.report import long_table, repeats
from dd_jax.report.blocks import Table
from dd_jax.report.display_names import NORMS, PIPE_NAMES, display_name
from dd_jax.report.formats import Cell
from dd_jax.report.lines import pooled
from dd_jax.report.paper_tables import TABLES, PaperTable, Quantity
from dd_jax.types import Record

BESIDE = ("network", "threat", "attack")
NAMES_OF_ATTACKS = {"privacy": "score", "robustness": "attack"}


class Titled(NamedTuple):
    """A table, its title, and the settings that all its runs have in common."""

    title: str
    common: str
    table: Table


class _Number(NamedTuple):
    """One number of one run."""

    setting: tuple[str, ...]
    place: tuple[str, ...]  # in the order of BESIDE, as the table shows it
    column: Any
    norm: str
    value: dict


def tables(records: Sequence[Record]) -> list[Titled]:
    """A row for each setting, network and attack; only what was measured.

    A cell is the mean over repeats with its 95 % interval, that of a single run its
    own, as `lines.pooled` has it.
    """
    if not records:
        return []
    keys, settings, common = repeats.settings(records)
    counts = {setting: str(n) for setting, n in Counter(settings).items()}
    heads = (*map(repeats.heading, keys), "runs")
    found = []
    for paper in TABLES:
        numbers = [
            number
            for record, setting in zip(records, settings)
            for number in _numbers(record, setting, paper)
        ]
        for norm in dict.fromkeys(number.norm for number in numbers):
            own = _table(paper, [n for n in numbers if n.norm == norm], heads, counts)
            found.append(Titled(_title(paper, norm), common, own))
    return found


def _title(paper: PaperTable, norm: str) -> str:
    radii = f", by {NORMS.get(norm, norm)} radius in pixels of [0, 1]" if norm else ""
    unit = "" if paper.across == "quantity" else paper.quantities[0].unit
    return f"{paper.title}{radii}{f' ({unit})' if unit else ''}"


def _numbers(
    record: Record, setting: tuple[str, ...], paper: PaperTable
) -> Iterator[_Number]:
    wanted = {(own.name, own.level): own for own in paper.quantities}
    part = {paper.part: record[paper.part]} if paper.part in record else {}
    for row in long_table.rows(part):
        own = wanted.get((row["quantity"], row.get("level")))
        if own and row.get("index") is None:
            place = {key: _name(record, paper, key, row.get(key)) for key in BESIDE}
            if paper.across == "network":
                column = place.pop("network")
            else:
                column = row["eps"] if paper.across == "eps" and "eps" in row else own
            ci = None if row["low"] is None else [row["low"], row["high"]]
            value = {"mean": row["value"], "ci": ci, "n": row["n"]}
            beside = tuple(place.get(key, "") for key in BESIDE)
            norm = row.get("norm", "") if paper.across == "eps" else ""
            yield _Number(setting, beside, column, norm, value)


def _name(record: Record, paper: PaperTable, key: str, value: str | None) -> str:
    if value is None:
        return ""
    if key == "network":
        return PIPE_NAMES.get(value, value)
    if key == "threat":
        return value.upper()
    return display_name(value, record, NAMES_OF_ATTACKS.get(paper.part, ""))


def _table(
    paper: PaperTable,
    numbers: Sequence[_Number],
    heads: Sequence[str],
    counts: dict[tuple[str, ...], str],
) -> Table:
    rows: dict[tuple, dict[Any, list[dict]]] = {}
    for number in numbers:
        row = rows.setdefault((number.setting, number.place), {})
        row.setdefault(number.column, []).append(number.value)
    columns = _columns(paper, {column: None for row in rows.values() for column in row})
    used = [i for i in range(len(BESIDE)) if any(place[i] for _, place in rows)]
    show = lambda column, values: _cell(paper, column, values)
    lines = [
        (
            *setting,
            counts[setting],
            *(place[i] for i in used),
            *(show(column, row.get(column, [])) for column in columns),
        )
        for (setting, place), row in rows.items()
    ]
    names = (*(BESIDE[i] for i in used), *(_heading(column) for column in columns))
    return Table((*heads, *names), lines)


def _columns(paper: PaperTable, found: dict[Any, None]) -> list:
    """Quantities in the order of the table, radii by size, networks as they come."""
    if paper.across == "quantity":
        return [own for own in paper.quantities if own in found]
    return sorted(found) if paper.across == "eps" else list(found)


def _heading(column: Any) -> str:
    if isinstance(column, Quantity):
        return f"{column.heading} ({column.unit})" if column.unit else column.heading
    return f"{column:g}" if isinstance(column, float) else column


def _cell(paper: PaperTable, column: Any, values: Sequence[dict]) -> Cell:
    own = column if isinstance(column, Quantity) else paper.quantities[0]
    return own.cell(pooled(values))
