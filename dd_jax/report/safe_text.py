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


LATEX = {
    **{character: rf"\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedblright{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "\u2026": r"\ldots{}",
}
_LETTERS = {chr(code) for code in range(0xC0, 0x100)}
_LETTERS -= set("\u00d0\u00d7\u00de\u00f0\u00f7\u00fe")  # not in every font


def presentable(value: Any) -> Any:
    """Parsed JSON with every text in it, keys too, as `printable` gives it."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): presentable(item) for key, item in value.items()}
    if isinstance(value, list):  # mostly of numbers
        nested = (str, dict, list)
        return [presentable(v) if isinstance(v, nested) else v for v in value]
    return value


def markdown(text: str, longest: int = LONGEST) -> str:
    r"""A text that Markdown shows as it is, in a cell of a table too.

    >>> markdown("a|b <i>"), markdown("pgd_linf")
    ('a\\|b \\<i>', 'pgd_linf')
    """
    return SPECIAL.sub(r"\\\g<0>", printable(text, longest))


def latex(text: str, longest: int = LONGEST) -> str:
    r"""A text that LaTeX sets as it is, in a cell too, by any engine.

    Letters outside of Latin-1 are written by their code points.

    >>> print(latex("a_b & 5 %"), latex("x--y"), latex("\u4e2d"))
    a\_b \& 5 \% x-{}-y U+4E2D
    """
    one_by_one = "".join(map(_in_latex, printable(text, longest)))
    return re.sub("-(?=-)", "-{}", one_by_one)  # else they join to a dash


def _in_latex(character: str) -> str:
    if character in LATEX:
        return LATEX[character]
    if character.isascii() or character in _LETTERS:
        return character
    return f"U+{ord(character):04X}"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode()
