"""Records as LaTeX tables in the style of booktabs: means over seeds, intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from dd_jax.report import seed_means
from dd_jax.report.blocks import Badge
from dd_jax.report.formats import Cell
from dd_jax.report.safe_text import latex
from dd_jax.report.sweep_axes import ordered
from dd_jax.types import InputError, Record

MOST_ROWS = 40  # of a table on one page
TEMPLATE = "tables.tex.jinja"
INTERVALS = (
    "Mean over the runs of a setting (of a single run, over its networks), in brackets "
    "its 95 % interval; - is not measured or not resolved."
)


def document(records: Sequence[Record]) -> str:
    r"""LaTeX of all tables of `seed_means.tables`.

    The text compiles by itself and can be put into a paper by `\input`; it needs the
    packages booktabs and longtable. Tables of more than `MOST_ROWS` rows go over pages.

    Raises:
      InputError: no Record, or none with a number.
    """
    found = seed_means.tables(ordered(records))
    if not found:
        raise InputError("no Record has numbers for a table")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return environment.get_template(TEMPLATE).render(tables=map(_parts, found))


def _parts(own: seed_means.Titled) -> dict[str, Any]:
    columns, rows = own.table
    texts = [
        all(not isinstance(row[i], Cell) for row in rows) for i in range(len(columns))
    ]
    return {
        "caption": latex(f"{own.title}. {own.common}. {INTERVALS}", 1000),
        "align": "".join("l" if text else "r" for text in texts),
        "head": _line(columns),
        "rows": map(_line, rows),
        "long": len(rows) > MOST_ROWS,
    }


def _line(cells: Sequence[str | Cell | Badge]) -> str:
    line = " & ".join(map(_cell, cells))
    return f"{{}}{line}" if line.startswith(("[", "*")) else line  # no option of a rule


def _cell(cell: str | Cell | Badge) -> str:
    if isinstance(cell, Cell):
        interval = f" [{cell.detail.replace(' to ', ', ')}]" if cell.detail else ""
        return latex(cell.text + interval)
    return latex(cell.level if isinstance(cell, Badge) else cell)
