"""Names of folders: their order, and when two are one."""

import re
import unicodedata

_WHOLE, _NUMBER = re.compile("([0-9]+)"), re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")


def natural_order(names: list[str]) -> list[str]:
    """Natural sort order: numbers by value, also inside other text.

    >>> natural_order(["10", "2", "1"]), natural_order(["b10", "b9", "a"])
    (['1', '2', '10'], ['a', 'b9', 'b10'])
    """
    if all(_NUMBER.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (float(name), name))

    def natural(name: str) -> tuple:
        parts = _WHOLE.split(name)
        return [int(p) if i % 2 else p for i, p in enumerate(parts)], name

    return sorted(names, key=natural)


def composed(name: str) -> str:
    r"""A name in the one form of Unicode that all its forms share.

    >>> composed("e\u0301") == composed("\u00e9")
    True
    """
    return unicodedata.normalize("NFC", name)
