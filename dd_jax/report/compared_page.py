"""Two runs side by side as a page of its own."""

from pathlib import Path

from dd_jax.report import two_runs
from dd_jax.report.html import page_environment
from dd_jax.system import disk
from dd_jax.types import Record

TEMPLATE = "compared.html.jinja"


def write(first: Record, second: Record, path: Path) -> None:
    """Write a self-contained page of `two_runs.blocks`, atomically."""
    template = page_environment().get_template(TEMPLATE)
    page = template.render(blocks=two_runs.blocks(first, second))
    disk.replace(path, page.lstrip().replace(" %", "&nbsp;%").encode())
