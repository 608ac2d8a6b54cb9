"""Types of command-line values: several names, a program."""

import argparse
import shutil
from collections.abc import Callable, Sequence


def several(text: str) -> list[str]:
    """A type of `argparse`: names behind commas, in the order given.

    >>> several("v5e:2x2,v6e:1x1")
    ['v5e:2x2', 'v6e:1x1']
    """
    names = text.split(",")
    if "" in names:
        raise argparse.ArgumentTypeError("a name is missing")
    return names


def several_of(known: Sequence[str]) -> Callable[[str], list[str]]:
    """`several`, of some names.

    >>> several_of(["dm", "mtt"])("mtt,dm")
    ['mtt', 'dm']
    """

    def parse(text: str) -> list[str]:
        names = several(text)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown {unknown[0]!r}; known: {', '.join(known)}"
            )
        return names

    return parse


def program(text: str) -> str:
    """A type of `argparse`: a file that can be run, or the name of one on the path."""
    if shutil.which(text) is None:
        raise argparse.ArgumentTypeError(f"no program {text!r}")
    return text
