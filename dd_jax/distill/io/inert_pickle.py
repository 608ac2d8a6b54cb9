"""Reads a pickle as data: nothing that it names is imported or called.

A pickle is a list of instructions for a stack. Those that make plain values, lists,
tuples and dicts are followed; a class or function that it names becomes what the reader
gives for it, and all else is refused.
"""

import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

from dd_jax.system.memory import format_bytes

_LONGEST = 2**20  # bytes; the pickle of a set has some hundred
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")
_VALUES += ("SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES")
_FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Refused(Exception):
    """What is wrong with a file."""


class Stand(NamedTuple):
    """What stands in the place of a function that a pickle calls."""

    make: Callable[..., Any]


def follow(
    content: bytes, named: Callable[[str], Any], stored: Callable[[Any], Any]
) -> Any:
    """The object that a pickle describes.

    Args:
      content: the pickle.
      named: gives what stands for `MODULE NAME`: a `Stand` for what may be called.
      stored: gives what is kept outside of the pickle, by its identity in it.

    Raises:
      Refused: an instruction that is not followed, or what the others refuse.
      Exception: any other, where the pickle is damaged.
    """
    if len(content) > _LONGEST:
        raise Refused(f"a pickle of {format_bytes(len(content))}")
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = marks.pop()
        found = stack[at:]
        del stack[at:]
        return found

    for code, value, _ in pickletools.genops(content):
        name = code.name
        if name in _VALUES:
            stack.append(value)
        elif name in _FIXED:
            stack.append(_FIXED[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[-count:] = [_tuple(stack[-count:], count)]
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[int(str(value))] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(str(value))])
        elif name == "APPEND":
            item = stack.pop()
            _open(stack, list).append(item)
        elif name == "APPENDS":
            items = since_mark()
            _open(stack, list).extend(items)
        elif name == "SETITEM":
            pair = stack[-2:]
            del stack[-2:]
            _set(stack, pair)
        elif name == "SETITEMS":
            _set(stack, since_mark())
        elif name == "GLOBAL":
            stack.append(named(str(value)))
        elif name == "BINPERSID":
            stack.append(stored(stack.pop()))
        elif name == "REDUCE":
            given = stack.pop()
            stack.append(_call(stack.pop(), given))
        elif name == "BUILD":  # the state of what is read as None
            stack.pop()
            if stack[-1] is not None:
                raise Refused("a pickle that sets the state of an object")
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise Refused(f"a pickle with {name}")
    (found,) = stack
    return found


def _tuple(items: list[Any], count: int) -> tuple:
    if len(items) != count:
        raise Refused("a pickle with too few values")
    return tuple(items)


def _open(stack: list[Any], kind: type) -> Any:
    if type(stack[-1]) is not kind:
        raise Refused(f"a pickle that adds to a {type(stack[-1]).__name__}")
    return stack[-1]


def _set(stack: list[Any], pairs: list[Any]) -> None:
    target = _open(stack, dict)
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if not isinstance(key, str | int):
            raise Refused(f"a dict with {type(key).__name__} as a key")
        target[key] = value


def _call(function: Any, given: Any) -> Any:
    if not isinstance(function, Stand) or not isinstance(given, tuple):
        raise Refused("a pickle that calls what is no function")
    return function.make(*given)
