"""Everything that a config can name: where it is defined, its label, its config keys.

An entry is found by its kind and name; its factory is imported only when it is
needed. `registration.register` adds entries: of this package, of a config file and
of other installed packages.
"""

import importlib
from collections.abc import Iterator, Mapping
from importlib import metadata
from types import MappingProxyType
from typing import Any, NamedTuple

from dd_jax.catalogue.rules import Rule, of_type
from dd_jax.system.one_line import error_line
from dd_jax.types import InputError

ROOMS = {  # kind -> the prefix of the config keys of its entries
    "method": "distill",
    "init": "distill",
    "attack": "audits.robustness",
    "score": "audits.privacy",
    "source": "data",
    "model": "model",
    "audit": "audits",
}
GROUP = "dd_jax"  # of entry points


class Option(NamedTuple):
    """A config key.

    Attributes:
      name: of an entry's own option, the parameter of its factory; else the dotted key.
      default: gives the type too: bool, int, float, str or a tuple.
      help: one line.
      rule: what a value must be; default: anything of the type.
      changes_results: whether the id of a run follows from it.
    """

    name: str
    default: Any
    help: str
    rule: Rule | None = None
    changes_results: bool = True

    @property
    def allowed(self) -> Rule:
        """The rule, or that of the type."""
        return self.rule or of_type(self.default)


class Entry(NamedTuple):
    """One name of the catalogue.

    Attributes:
      kind: a key of `ROOMS`.
      name: as configs and Records have it.
      factory: an object, or `module:attribute` of one that is imported when needed.
      label: as reports have it.
      options: its own config keys, `ROOM.NAME.OPTION`.
      traits: what others need to know of it before it is imported; see `builtin`.
      origin: the file that registered it; empty for this package.
      digest: of its code, see `code.digest`; empty for this package.
    """

    kind: str
    name: str
    factory: Any
    label: str
    options: tuple[Option, ...] = ()
    traits: Mapping[str, Any] = MappingProxyType({})
    origin: str = ""
    digest: str = ""

    @property
    def prefix(self) -> str:
        """Its own config keys start with this."""
        return f"{ROOMS[self.kind]}.{self.name}."

    @property
    def keys(self) -> tuple[str, ...]:
        """Its own config keys."""
        return tuple(self.prefix + option.name for option in self.options)


_entries: dict[tuple[str, str], Entry] = {}
_loaded = False


def entry(kind: str, name: str) -> Entry:
    """The entry of a name.

    Raises:
      InputError: no such name, with those that there are.

    >>> entry("method", "dm").label
    'Distribution matching (DM)'
    """
    load_entries()
    if (kind, name) not in _entries:
        known = ", ".join(names(kind))
        raise InputError(f"no {kind} {name!r}; there are {known}")
    return _entries[kind, name]


def entries(*kinds: str) -> Iterator[Entry]:
    """All entries, or those of some kinds, in the order of registration."""
    load_entries()
    return (e for e in list(_entries.values()) if not kinds or e.kind in kinds)


def names(kind: str) -> tuple[str, ...]:
    """The names of a kind.

    >>> names("init")
    ('noise', 'real', 'balanced', 'kmeans', 'kcenter', 'herding', 'public')
    """
    return tuple(e.name for e in entries(kind))


def label(name: str, kind: str = "") -> str:
    """What reports call a name; the name itself where it is not in the catalogue.

    >>> label("fgsm"), label("unheard_of")
    ('FGSM', 'unheard_of')
    """
    found = (e.label for e in entries(*([kind] if kind else ROOMS)) if e.name == name)
    return next(found, name)


def resolve(kind: str, name: str) -> Any:
    """The factory of a name, imported if need be.

    Raises:
      InputError: no such name, or its module cannot be imported.
    """
    try:
        return imported(entry(kind, name).factory)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{kind} {name!r}: {error}") from error


def imported(factory: Any) -> Any:
    """An object, or that of `module:attribute`."""
    if not isinstance(factory, str):
        return factory
    module, _, attribute = factory.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Registry(Mapping):
    """The names of a kind as a mapping to their factories."""

    def __init__(self, kind: str):
        self.kind = kind

    def __getitem__(self, name: str) -> Any:
        if (self.kind, name) not in _entries and name not in names(self.kind):
            raise KeyError(name)
        return resolve(self.kind, name)

    def __iter__(self) -> Iterator[str]:
        return iter(names(self.kind))

    def __len__(self) -> int:
        return len(names(self.kind))


def add(new: Entry) -> None:
    """Adds an entry; one of the same origin is replaced.

    Raises:
      InputError: a name that another origin has taken.
    """
    load_entries()
    before = _entries.get((new.kind, new.name))
    if before and before.origin != new.origin:
        raise InputError(
            f"register: {new.kind} {new.name!r} is already in the catalogue, by "
            f"{before.origin or 'dd_jax'}; take another name"
        )
    _entries[new.kind, new.name] = new


def load_entries() -> None:
    """Registers this package's entries, then those of installed packages."""
    global _loaded
    if _loaded:
        return
    _loaded = True  # before loading: what is loaded may look up names itself
    try:
        importlib.import_module("dd_jax.catalogue.builtin")
        for point in metadata.entry_points(group=GROUP):
            _load_point(point)
    except BaseException:
        _loaded = False
        raise


def _load_point(point: metadata.EntryPoint) -> None:
    try:
        loaded = point.load()
        if callable(loaded):
            loaded()
    except InputError as error:
        raise InputError(f"plug-in {point.name} ({point.value}): {error}") from error
    except Exception as error:
        raise InputError(
            f"plug-in {point.name} ({point.value}): {error_line(error)}"
        ) from error
