"""What a section of the page is made of: texts, tables, figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from dd_jax.report.formats import Cell

if TYPE_CHECKING:  # matplotlib is loaded only where something is drawn
    from matplotlib.axes import Axes


class Badge(NamedTuple):
    """The level of a verdict in a cell, and its words where they differ from it."""

    level: str
    text: str = ""


class Table(NamedTuple):
    """Header and rows; the first cell of a row is its heading."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell | Badge]]


class Picture(NamedTuple):
    """An image as a data link, and its description."""

    link: str
    alt: str


class Figure(NamedTuple):
    """A plot that is drawn when the page is made.

    Attributes:
      alt: description of what it shows.
      draw: fills the axes.
      height: inches; the width is 4.6.
      legend: columns of the legend above; 0 for none.
    """

    alt: str
    draw: Callable[[Axes], None]
    height: float = 3.2
    legend: int = 0


class Text(NamedTuple):
    """A paragraph; a small one explains details."""

    text: str
    small: bool = False
    kind = "text"


class Caption(NamedTuple):
    """A line above a table."""

    text: str
    kind = "caption"


class Notes(NamedTuple):
    """A list of sentences."""

    lines: Sequence[str]
    kind = "notes"


class Grid(NamedTuple):
    """A table; a tall one scrolls."""

    label: str
    table: Table
    tall: bool = False
    kind = "grid"


class Pictures(NamedTuple):
    """Pictures and figures beside each other.

    Attributes:
      items: those that are not drawn are left out.
      captioned: whether each has its words above.
      words: a small paragraph below.
    """

    items: Sequence[Picture | Figure]
    captioned: bool = False
    words: str = ""
    kind = "pictures"


class Pair(NamedTuple):
    """Two groups of blocks side by side."""

    left: Sequence[Block]
    right: Sequence[Block]
    kind = "pair"


class Fold(NamedTuple):
    """Blocks under a line that opens them."""

    summary: str
    blocks: Sequence[Block]
    kind = "fold"


Block: TypeAlias = Text | Caption | Notes | Grid | Pictures | Pair | Fold


class Section(NamedTuple):
    """A part of the page with a heading, and the audit whose it is."""

    audit: str
    title: str
    blocks: Sequence[Block]


def grid(label: str, table: Table | None, tall: bool = False) -> list[Block]:
    """A table as a list of blocks, empty without one."""
    return [Grid(label, table, tall)] if table else []


def fold(summary: str, table: Table | None, *more: Block) -> list[Block]:
    """A table under a line that opens it, empty without one."""
    return [Fold(summary, [Grid(summary, table), *more])] if table else []


def notes(lines: Sequence[str]) -> list[Block]:
    """Sentences as a list of blocks, empty without any."""
    return [Notes(lines)] if lines else []
