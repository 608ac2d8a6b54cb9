"""What the checks of the configs of one grid share, so that thousands take seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax


class Seen(NamedTuple):
    """What was found out since the grid began.

    Attributes:
      passed: what was made of a config that passed its checks, by all that it follows
        from but the seed.
      stamps: source to the stamp of its files.
      elsewhere: whether the configs will run on other machines than this.
    """

    passed: dict[tuple, Any]
    stamps: dict[str, str]
    elsewhere: bool


SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextmanager
def one_grid(elsewhere: bool = False) -> Iterator[None]:
    """Inside, files are looked at once, and configs that differ in seed checked once.

    Seeds that data or canaries are drawn by are checked each. Files that change
    meanwhile are found when a run starts.

    Args:
      elsewhere: whether the configs will run on other machines: devices, precision and
        memory of this one do not count, and its accelerators are left alone.
    """
    if elsewhere:
        jax.config.update("jax_platforms", "cpu")
    token = SEEN.set(Seen({}, {}, elsewhere))
    try:
        yield
    finally:
        SEEN.reset(token)


def runs_here() -> bool:
    """Whether the configs that are checked will run on this machine."""
    seen = SEEN.get()
    return seen is None or not seen.elsewhere
