"""What the checks of the configs of one grid share, so that thousands take seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple


class Seen(NamedTuple):
    """What was found out since the grid began.

    Attributes:
      passed: what was made of a config that passed its checks, by all that it follows
        from but the seed.
      stamps: source to the stamp of its files.
    """

    passed: dict[tuple, Any]
    stamps: dict[str, str]


SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextmanager
def one_grid() -> Iterator[None]:
    """Inside, files are looked at once, and configs that differ in seed checked once.

    Seeds that data or canaries are drawn by are checked each. Files that change
    meanwhile are found when a run starts.
    """
    token = SEEN.set(Seen({}, {}))
    try:
        yield
    finally:
        SEEN.reset(token)
