"""The real images that a method matches, among all that a step of it draws."""

from typing import Any

from dd_jax.distill.base import Batch


def matched(drawn: Any) -> Batch:
    """The batch that is matched: what `Method.sample` drew, or its `match`."""
    return getattr(drawn, "match", drawn)


def with_matched(drawn: Any, batch: Batch) -> Any:
    """The same with another batch to match.

    >>> with_matched(Batch(0, 1), Batch(0, 2)).weights
    2
    """
    return batch if isinstance(drawn, Batch) else drawn._replace(match=batch)
