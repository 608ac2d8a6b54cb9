"""Every config key with its default, its help and what is allowed."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from operator import is_

from dd_jax.catalogue.lookup import Option, entries
from dd_jax.config.base_fields import BASE
from dd_jax.types import InputError

_SECTIONS = tuple(
    "seed budget_minutes checkpoint_seconds devices precision data model distill train "
    "mitigate backdoor dp sets audits report decision".split()
)


def fields() -> dict[str, Option]:
    """All config keys by their dotted names, those of what is registered among them.

    >>> fields()["distill.mtt.experts"].default
    10

    Raises:
      InputError: keys of what is registered clash with others.
    """
    return _fields(Identical(entries()))


class Identical(tuple):
    """Equal where it holds the very same objects."""

    def __hash__(self):
        return len(self)

    def __eq__(self, other):
        return len(self) == len(other) and all(map(is_, self, other))


@lru_cache(maxsize=1)
def _fields(entries: Identical) -> dict[str, Option]:
    found: dict[str, Option] = {}
    sections: dict[str, str] = {}  # each with the first key in it

    def add(key: str, option: Option):
        found[key] = option
        for section in _sections_of(key):
            sections.setdefault(section, key)

    for option in BASE:
        add(option.name, option)
    for entry in entries:
        section = entry.prefix[:-1]
        inside = sections.get(section) if entry.options else None
        taken = section if section in found else inside
        if taken:
            raise InputError(
                f"register: {entry.kind} {entry.name!r}: its config keys "
                f"{entry.prefix}* clash with {taken}; take another name"
            )
        for key, option in zip(entry.keys, entry.options):
            add(key, option)
    place = lambda key: _SECTIONS.index(key.split(".")[0])
    return {key: found[key] for key in sorted(found, key=place)}


def _sections_of(key: str) -> Iterator[str]:
    """`a` and `a.b` of the key `a.b.c`."""
    return accumulate(key.split(".")[:-1], "{}.{}".format)
