"""Texts that others wrote, such as names of classes, made safe to show."""

import re
from typing import Any

LONGEST = 120  # characters of a name
SPECIAL = re.compile(r"[\\`|*<\[\]~&]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")


def printable(text: str, longest: int = LONGEST) -> str:
    r"""A text on one line that shows every character it has, cut where it is long.

    What moves, hides or reorders other text (control characters, marks of direction)
    and what no encoding holds is written as an escape.

    >>> printable("one\ntwo"), printable("a\u202eb")
    ('one two', 'a\\u202eb')
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text if text.isprintable() else "".join(map(_shown, text))


def presentable(value: Any) -> Any:
    """Parsed JSON with every text in it, keys too, as `printable` gives it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): presentable(item) for key, item in value.items()}
    return [presentable(item) for item in value] if isinstance(value, list) else value


def markdown(text: str) -> str:
    r"""A text that Markdown shows as it is, in a cell of a table too.

    >>> markdown("a|b <i>"), markdown("pgd_linf")
    ('a\\|b \\<i>', 'pgd_linf')
    """
    return SPECIAL.sub(r"\\\g<0>", printable(text))


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode()
