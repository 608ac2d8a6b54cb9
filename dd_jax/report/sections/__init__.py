"""One section of the page for each audit, found by the audit's name.

The module `sections/NAME_section.py` shows what the audit NAME wrote into a Record:

- `SHAPE`: a check of that part of the Record, see `dd_jax.report.shapes`.
- `PLACE`: a number; the page has the sections by rising place.
- `blocks(record, files) -> list[Block]`: what the section shows.

A part of a Record without such a module is shown as a plain table.
"""

import importlib
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from dd_jax.report.shapes import Check, plain

_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


@lru_cache(256)
def module_of(audit: str) -> ModuleType | None:
    """The module that shows an audit; None where there is none."""
    name = f"{__name__}.{audit}_section"
    if not _NAME.fullmatch(audit) or find_spec(name) is None:
        return None
    return importlib.import_module(name)


def shape_of(audit: str) -> Check:
    """The check of an audit's part of a Record."""
    return getattr(module_of(audit), "SHAPE", plain)


@lru_cache(1)
def names() -> list[str]:
    """The audits that have a section of their own, by place."""
    files = Path(__file__).parent.glob("*_section.py")
    found = [file.name.removesuffix("_section.py") for file in files]
    return sorted(found, key=lambda name: module_of(name).PLACE)
