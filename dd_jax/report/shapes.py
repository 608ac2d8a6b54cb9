"""Checks of parsed JSON, composed of small ones: numbers, texts, lists, objects.

A check is a function of one value that raises `Wrong` where the value is not what it
should be. Null passes every check: it means not measured. `kind` and `inner` say what a
check is of, so that tables have the same columns whatever values a Record holds.
"""

from collections.abc import Callable, Sequence
from typing import Any

Check = Callable[[Any], None]
DEEPEST = 30  # lists and objects within one another
LARGEST = 1e15  # of a number, either sign


class Wrong(Exception):
    """What is wrong with a value, and the keys that lead to it, innermost first."""

    def __init__(self, problem: str):
        super().__init__(problem)
        self.problem, self.keys = problem, []

    def at(self, start: str) -> str:
        """The path of the value and what is wrong with it.

        >>> wrong = Wrong("is missing")
        >>> wrong.keys += [1, "fgsm"]
        >>> wrong.at("attacks")
        'attacks.fgsm[1] is missing'
        """
        steps = (f"[{k}]" if isinstance(k, int) else f".{k}" for k in self.keys[::-1])
        return f"{start}{''.join(steps)} {self.problem}"


def kind(check: Check | None) -> str:
    """What a check is of; empty where it does not say.

    `number`, `fraction`, `whole`, `text`, `flag`, `estimate`, `object` or `list`.

    >>> kind(number(0, 1)), kind(listed(text)), kind(plain)
    ('fraction', 'list', '')
    """
    return getattr(check, "kind", "")


def inner(check: Check | None, key: str | int) -> Check | None:
    """The check of what is under a key or at an index; None where there is none.

    >>> inner(fields({"seed": text}), "seed") is text, inner(text, "seed")
    (True, None)
    """
    below = getattr(check, "inner", None)
    return below(key) if below else None


def _described(
    check: Check, kind: str, below: Callable[[Any], Check | None] | None = None
) -> Check:
    vars(check).update(kind=kind, inner=below)
    return check


def number(low: float = -LARGEST, high: float = LARGEST, whole: bool = False) -> Check:
    """A finite number within bounds."""
    bounds = "a fraction" if (low, high) == (0, 1) else f"{low:g} to {high:g}"

    def check(value: Any) -> None:
        if value is None or (
            not whole and type(value) is float and low <= value <= high
        ):
            return  # nearly always, and there are millions
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong(f"is {_kind(value)}; need a number or null")
        if not -LARGEST <= value <= LARGEST:  # false of what is not a number too
            raise Wrong(f"is {_short(value)}; need a number or null")
        if not low <= value <= high:
            raise Wrong(f"is {_short(value)}; need {bounds}")
        if whole and value != int(value):
            raise Wrong(f"is {value}; need a whole number")

    share = -1 <= low and high <= 1
    return _described(check, "whole" if whole else "fraction" if share else "number")


def text(value: Any) -> None:
    """A text."""
    if value is not None and type(value) is not str:
        raise Wrong(f"is {_kind(value)}; need a text")


def flag(value: Any) -> None:
    """True or false."""
    if value is not None and type(value) is not bool:
        raise Wrong(f"is {_kind(value)}; need true or false")


_described(text, "text")
_described(flag, "flag")


def listed(item: Check, length: int | None = None) -> Check:
    """A list whose items all pass a check, of a given length where one is given."""

    def check(value: Any) -> None:
        if value is None:
            return
        if type(value) is not list:
            raise Wrong(f"is {_kind(value)}; need a list")
        if length is not None and value and len(value) != length:
            raise Wrong(f"has {len(value)} items; need {length}")
        for index, value_there in enumerate(value):
            _at(index, item, value_there)

    return _described(check, "list", lambda index: item)


def each(item: Check, numbered: bool = False) -> Check:
    """An object whose values all pass a check, under any keys or under numbers."""

    def check(value: Any) -> None:
        if value is None:
            return
        _object(value)
        if numbered and not all(key.isascii() and key.isdecimal() for key in value):
            raise Wrong("has keys that are no numbers of classes or groups")
        for key, value_there in value.items():
            _at(key, item, value_there)

    return _described(check, "object", lambda key: item)


def fields(needed: dict[str, Check], others: dict[str, Check] | None = None) -> Check:
    """An object with all of some keys and any of others; further keys pass."""
    known = [*needed.items(), *(others or {}).items()]

    def check(value: Any) -> None:
        if value is None:
            if needed:
                raise Wrong("is null; need an object")
            return
        _object(value)
        for key in needed:
            if value.get(key) is None:
                raise Wrong(f"has no {key}")
        for key, item in known:
            if key in value:
                _at(key, item, value[key])

    return _described(check, "object", dict(known).get)


def ending(suffix: str, item: Check, others: Check) -> Check:
    """An object that passes a check, with another for what keys of an ending hold."""

    def check(value: Any) -> None:
        others(value)
        for key in value or ():
            if key.endswith(suffix):
                _at(key, item, value[key])

    below = lambda key: item if key.endswith(suffix) else inner(others, key)
    return _described(check, "object", below)


def only(keys: Sequence[str], check: Check) -> Check:
    """An object without other keys than these, that passes a check."""

    def checked(value: Any) -> None:
        check(value)
        if value is not None and (unknown := value.keys() - set(keys)):
            wrong = Wrong(f"is unknown; use {tuple(keys)}")
            wrong.keys.append(min(unknown))
            raise wrong

    return _described(checked, kind(check), lambda key: inner(check, key))


def estimate(mean: Check, others: dict[str, Check] | None = None) -> Check:
    """`{mean, ci, n}` with a checked mean, or a bare number."""
    interval = listed(number(), 2)
    known = {"mean": mean, "ci": interval, "image_ci": interval, "n": number()}
    known |= others or {}
    whole = fields({}, known)

    def check(value: Any) -> None:
        (whole if type(value) is dict else mean)(value)

    return _described(check, "estimate", known.get)


def plain(value: Any) -> None:
    """Anything of finite numbers, nested no deeper than `DEEPEST`."""
    level = [value]
    for _ in range(DEEPEST):
        below: list = []
        for outer in level:
            kind = type(outer)
            if kind is dict:
                below += outer.values()
            elif kind is list:
                below += outer
            elif kind is float and not -LARGEST <= outer <= LARGEST:
                raise Wrong(f"holds {_short(outer)}; need a number or null")
        if not below:
            return
        level = below
    raise Wrong(f"is nested more than {DEEPEST} deep")


def _at(key: str | int, item: Check, value: Any) -> None:
    try:
        item(value)
    except Wrong as wrong:
        wrong.keys.append(key)
        raise


def _object(value: Any) -> None:
    if type(value) is not dict:
        raise Wrong(f"is {_kind(value)}; need an object")


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return kinds.get(type(value), "null" if value is None else "a number")


def _short(value: int | float) -> str:
    return f"{value:.4g}" if abs(value) < 1e300 or value != value else "too large"
