"""What the checks of the configs of one grid share, so that thousands take seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Seen(NamedTuple):
    """What was found out since the grid began.

    Attributes:
      passed: names of configs that passed their checks, the seed left out.
      stamps: source to the stamp of its files.
    """

    passed: set[str]
    stamps: dict[str, str]


SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextmanager
def one_grid() -> Iterator[None]:
    """Inside, files are looked at once, and configs that differ in seed checked once.

    Cells of equal data share checks; each still has its own id. Files that change
    meanwhile are found when a run starts.
    """
    token = SEEN.set(Seen(set(), {}))
    try:
        yield
    finally:
        SEEN.reset(token)
