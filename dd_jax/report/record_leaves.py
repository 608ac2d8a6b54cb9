"""The values of a Record with their keys and what the schema says of each.

Columns depend on the schema, not on the values at hand: an estimate is always one of
`{mean, ci, n}`, also where a Record has a bare number or null there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from dd_jax.report.schema import shape_of
from dd_jax.report.shapes import Check, inner, kind
from dd_jax.types import Record

UNKNOWN = {bool: "flag", int: "number", float: "number", str: "text"}


class Point(NamedTuple):
    """The place of a point of a curve: its radius, and a number where radii repeat."""

    eps: float
    repeat: int = 0

    def rounded(self) -> float:
        """The radius in six digits: radii are stored as float32."""
        return float(f"{self.eps:.6g}")

    def __str__(self) -> str:
        """As names of columns have it."""
        again = f" #{self.repeat + 1}" if self.repeat else ""
        return f"eps={self.eps:.6g}{again}"


Key = str | int | Point


class Leaf(NamedTuple):
    """A value of a Record.

    Attributes:
      keys: that lead to it.
      kind: `number`, `fraction`, `whole`, `text`, `flag`, or `estimate` of numbers,
        `estimate of fractions`.
      value: itself; of an estimate `{mean, ci_low, ci_high, n}`, each a number or None.
    """

    keys: tuple[Key, ...]
    kind: str
    value: Any


def leaves(record: Record) -> Iterator[Leaf]:
    """All values of a checked Record in its order.

    What is null where the schema has an object or a list, or says nothing, is left out.

    >>> record = {"accuracy": {"distilled": 0.5}, "dp": {"delta": 1, "epsilon": None}}
    >>> for leaf in leaves(record):
    ...     print(*leaf)
    ('accuracy', 'distilled') estimate of fractions {'mean': 0.5, 'ci_low': None, \
'ci_high': None, 'n': None}
    ('dp', 'delta') number 1
    """
    for part, value in record.items():
        yield from _below(value, shape_of(part), (part,))


def _below(value: Any, check: Check | None, keys: tuple[Key, ...]) -> Iterator[Leaf]:
    what = kind(check)
    known_estimate = what == "estimate"
    if known_estimate or (not what and isinstance(value, dict) and "mean" in value):
        yield from _estimate(value, check, keys)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _below(part, inner(check, key), (*keys, key))
    elif isinstance(value, list):
        for key, index, part in _items(value):
            yield from _below(part, inner(check, index), (*keys, key))
    elif what not in ("object", "list") and (what or value is not None):
        yield Leaf(keys, what or _kind_of(value), value)


def _kind_of(value: Any) -> str:
    """That of a value of which the schema says nothing; floats hold 53 bits."""
    long = type(value) is int and abs(value) > 2**53
    return "text" if long else UNKNOWN[type(value)]


def _estimate(value: Any, check: Check | None, keys: tuple[Key, ...]) -> Iterator[Leaf]:
    whole = value if isinstance(value, dict) else {"mean": value}
    low, high = whole.get("ci") or (None, None)
    found = {"mean": whole.get("mean"), "ci_low": low, "ci_high": high}
    of_shares = kind(inner(check, "mean")) == "fraction"
    what = "estimate of fractions" if of_shares else "estimate"
    yield Leaf(keys, what, found | {"n": whole.get("n")})
    for key, part in whole.items():
        if key not in ("mean", "ci", "n"):
            yield from _below(part, inner(check, key), (*keys, key))


def _items(values: list) -> Iterator[tuple[Key, int, Any]]:
    """Items of a list by radius where all have one, else by number."""
    radii = [part.get("eps") if isinstance(part, dict) else None for part in values]
    if not all(isinstance(eps, int | float) for eps in radii):
        yield from ((index, index, part) for index, part in enumerate(values))
        return
    for index, (eps, part) in enumerate(zip(radii, values)):
        rest = {key: item for key, item in part.items() if key != "eps"}
        yield Point(eps, radii[:index].count(eps)), index, rest
