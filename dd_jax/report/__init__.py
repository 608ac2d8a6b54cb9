"""Tables, figures and the HTML report, made only from Records and artefact files."""

import html as _html
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dd_jax.system.paths import expanded
from dd_jax.types import InputError

MOST_WARNINGS = 20  # damaged files named on the terminal; the page names more


class Report(NamedTuple):
    """A report that a notebook shows as the result of a cell.

    Attributes:
      path: of `report.html`.
      height: of the frame in the notebook, in pixels.
    """

    path: Path
    height: int

    def _repr_html_(self) -> str:
        page = _html.escape(self.path.read_text(encoding="utf-8"))
        style = f"width:100%;height:{self.height}px;border:1px solid #d9dee4"
        return f'<iframe srcdoc="{page}" style="{style}"></iframe>'


def build(workdir: str | Path) -> Path:
    """Rebuild `results.jsonl` and `report.html` of a work directory.

    Damaged files are left out, and named on the page and on stderr.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.

    Returns:
      The path of `report.html`.

    Raises:
      InputError: the folder holds no runs, or no Record in it can be read (the page is
        written all the same: it says which files are damaged).
    """
    # Deferred: drawing needs matplotlib, which not needed to read Records.
    from dd_jax.report.html import write_html
    from dd_jax.report.records import write_results

    workdir = expanded(workdir)
    write_results(workdir)
    page = write_html(workdir)
    warn(page.damaged)
    if page.damaged and not page.runs:
        raise InputError(f"{workdir}: no Record can be read; {page.path} says why")
    return page.path


def show(workdir: str | Path, height: int = 800) -> Report:
    """Rebuild the report of a work directory and show it in a notebook.

    The last line of a cell is enough: `dd_jax.report.show("runs_out/quickstart")`.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.
      height: of the frame, in pixels.

    Returns:
      A `Report`, which notebooks display.

    Raises:
      InputError: as `build`.
    """
    return Report(build(workdir), height)


def warn(damaged: Sequence[str]) -> None:
    """Print a warning for each damaged file to stderr, of many the first."""
    for line in damaged[:MOST_WARNINGS]:
        print(f"warning: {line}", file=sys.stderr)
    if (more := len(damaged) - MOST_WARNINGS) > 0:
        print(f"warning: {more} more damaged files", file=sys.stderr)
