"""Tables, figures and the HTML report, made from Records and artefact files alone."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dd_jax.system.paths import expanded
from dd_jax.types import InputError

MOST_TOLD = 20  # damaged files named on the terminal; the page names more


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
    # Deferred: drawing needs matplotlib, which readers of Records alone do without.
    from dd_jax.report.html import write_html
    from dd_jax.report.records import write_results

    workdir = expanded(workdir)
    write_results(workdir)
    page = write_html(workdir)
    tell(page.damaged)
    if page.damaged and not page.runs:
        raise InputError(f"{workdir}: no Record can be read; {page.path} says why")
    return page.path


def tell(damaged: Sequence[str]) -> None:
    """Print a line for each damaged file to stderr, of many the first."""
    for line in damaged[:MOST_TOLD]:
        print(f"warning: {line}", file=sys.stderr)
    if (more := len(damaged) - MOST_TOLD) > 0:
        print(f"warning: {more} more damaged files", file=sys.stderr)
