"""Config keys on the command line: `--config.KEY=VALUE`; the last value wins."""

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Any

from dd_jax.config import check_key, wrong
from dd_jax.config.fields import fields
from dd_jax.types import InputError

_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_FLAG = re.compile(r"--?(no)?config\.([^=]*)(?:=(.*))?", re.DOTALL)


def overrides(arguments: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The typed values of `--config.KEY=VALUE`; of a key given twice, the last.

    `--config.KEY VALUE` is the same; a key that is true or false may be given without
    a value, or as `--noconfig.KEY`.

    Returns:
      Values by dotted key, and the other arguments.

    Raises:
      InputError: an unknown key, or a value that is missing or not of the key's type.

    >>> overrides(["--config.distill.ipc=1", "--dry_run", "--config.distill.ipc=5"])
    ({'distill.ipc': 5}, ['--dry_run'])
    """
    values: dict[str, Any] = {}
    others: list[str] = []
    known, waiting = fields(), iter(arguments)
    for argument in waiting:
        match = _FLAG.fullmatch(argument)
        if match is None:
            others.append(argument)
            continue
        negated, key, written = match.groups()
        check_key(key, argument)
        if isinstance(known[key].default, bool):
            if negated and written is not None:
                raise InputError(f"{argument}: --no takes no value; end at {key}")
            if written is None:
                written = "false" if negated else "true"
        elif negated:
            raise InputError(f"{argument}: {wrong(key, False)}")
        elif written is None and (written := next(waiting, None)) is None:
            raise InputError(f"{argument}: a value is missing; write {argument}=VALUE")
        values[key] = value(key, written)
    return values, others


def config_file(arguments: Sequence[str]) -> str | None:
    """The value of `--config` on a command line, of which the last one counts.

    >>> config_file(["--dry_run", "--config=a.py", "--config", "b.py"])
    'b.py'
    """
    found = None
    for argument, after in zip(arguments, [*arguments[1:], None]):
        name, equals, given = argument.partition("=")
        if name in ("--config", "-config"):
            found = given if equals else after
    return found


def value(key: str, written: str) -> Any:
    """A value of a known key from its text.

    Numbers may be fractions such as `8/255`; a tuple may lack its brackets.

    Raises:
      InputError: text that is no value of the key's type.

    >>> value("train.adversarial.eps", "8/255") == 8 / 255
    True
    >>> value("audits.robustness.attacks", "fgsm"), value("distill.ipc", "1e2")
    (('fgsm',), 100)
    """
    default = fields()[key].default
    try:
        return _READERS[type(default)](written, default)
    except (ValueError, KeyError, ArithmeticError):
        raise InputError(wrong(key, written)) from None


def written(value: Any) -> str:
    """The text of a value, from which `value` reads it again.

    >>> written(True), written(0.1), written(("fgsm", "square")), written("npz:a b.npz")
    ('true', '0.1', '(fgsm,square)', 'npz:a b.npz')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"({','.join(shlex.quote(written(part)) for part in value)})"
    return str(value)


def _number(written: str, _: Any = None) -> float:
    """A decimal number or a fraction of two."""
    above, line, below = written.partition("/")
    return float(above) / (float(below) if line else 1)


def _whole(written: str, _: Any = None) -> int:
    try:
        return int(written)
    except ValueError:
        number = _number(written)
        if number != int(number):
            raise
        return int(number)


def _names(written: str) -> tuple[str, ...]:
    """What a tuple holds, with or without brackets and quotes."""
    written, pairs = written.strip(), {"(": ")", "[": "]"}
    if close := pairs.get(written[:1]):
        if not written.endswith(close):
            raise ValueError(written)
        written = written[1:-1].strip()
    words = shlex.shlex(written, posix=True)
    words.whitespace, words.whitespace_split = ",", True
    words.commenters = words.escape = ""
    found = tuple(word.strip() for word in words)
    if "" in found or written.replace(" ", "").startswith(",") or ",," in written:
        raise ValueError(written)
    return found


def _tuple(written: str, default: tuple) -> tuple:
    """Each of the type of the default's first; without one whole numbers, or text."""
    found = _names(written)
    numbers = not default and all(part.removeprefix("-").isdecimal() for part in found)
    kind = type(default[0]) if default else int if numbers else str
    if kind is int and any(type(part) is float for part in default):
        kind = float
    return tuple(_READERS[kind](part, None) for part in found)


_READERS: dict[type, Callable[[str, Any], Any]] = {
    bool: lambda written, _: _WORDS[written.strip().lower()],
    int: _whole,
    float: _number,
    str: lambda written, _: written,
    tuple: _tuple,
}
