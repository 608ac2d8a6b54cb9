"""Command-line values that are several of some names."""

import argparse
from collections.abc import Callable, Sequence


def several_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """A type of `argparse`: names behind commas, in the order given.

    >>> several_of(["dm", "mtt"])("mtt,dm")
    ['mtt', 'dm']
    """

    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown {unknown[0]!r}; known: {', '.join(known)}"
            )
        return names

    return parse
