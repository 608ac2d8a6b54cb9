"""Registration: how a method, an attack or an audit enters the catalogue."""

import re
import sys
from pathlib import Path
from typing import Any

from dd_jax.catalogue.code import digest
from dd_jax.catalogue.lookup import ROOMS, Entry, Option, add
from dd_jax.catalogue.naming import OLD_AUDITS
from dd_jax.catalogue.rules import FLAG, Rule
from dd_jax.types import InputError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPES = (bool, int, float, str, tuple)
_TRAITS = {  # kind -> what an entry may say of itself
    "method": (
        *("selects", "random_rows", "matches_real", "matches_means"),
        *("follows_experts", "batched", "traced", "private", "private_steps", "memory"),
    ),
    "init": ("random_rows", "real", "place"),
    "attack": ("words", "shared"),
    "source": ("place",),
}
_RECORD = ("run", "cost", "artifacts", *OLD_AUDITS)  # parts that are no audit's


def register(
    kind: str,
    name: str,
    factory: Any,
    *,
    label: str,
    options: tuple[Option, ...] = (),
    **traits: Any,
) -> None:
    """Adds a name to the catalogue, for configs, sweeps, audits and reports.

    Call it at the top of a config file, or of a module that an installed package names
    under `[project.entry-points."dd_jax"]`. The same file may register a name again,
    which replaces it.

    Args:
      kind: `method`, `attack`, `score`, `source`, `model`, `init` or `audit`.
      name: of small letters, digits and `_`.
      factory: what the name refers to, or `module:attribute` of it, which is then
        imported when it is needed. By kind, with the options as keywords:
        method: `(model, *, ipc, ...) -> dd_jax.distill.Method`;
        attack: `(eps, ...) -> dd_jax.attacks.Attack`;
        score: `(logits, labels, member, target, ...) -> f32[n]`;
        source: `(place, ...) -> dd_jax.data.Raw`;
        model: a Flax module of images `f32[n h w c]` to features, options its fields;
        init: `(key, real, ipc, enter, ...) -> f32[k ipc h w c]`; with a place,
        `public`, the training rows of that source, as well;
        audit: a `dd_jax.audits.Audit`.
      label: what reports call it.
      options: its own config keys, `distill.NAME.KEY` and so on.
      **traits: see `dd_jax.catalogue.builtin`; others than this package need none.

    Raises:
      InputError: a kind that does not exist; a name that is none, or is taken.
    """
    caller = sys._getframe(1).f_globals  # functools.partial has no frame of its own
    file = caller.get("__file__")
    origin = str(Path(file).resolve() if file else caller.get("__name__"))
    if Path(origin).parent == Path(__file__).resolve().parent:
        origin = ""
    if kind not in ROOMS:
        raise InputError(f"register: no kind {kind!r}; there are {', '.join(ROOMS)}")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"register: {kind} {name!r}: a name starts with a small letter and is made "
            "of small letters, digits and _"
        )
    if not isinstance(label, str) or not label.strip():
        raise InputError(f"register: {kind} {name!r} needs a label for reports")
    if unknown := traits.keys() - set(_TRAITS.get(kind, ())):
        raise InputError(
            f"register: {kind} {name!r}: no argument {min(unknown)!r}; there are "
            f"label, options{''.join(f', {t}' for t in _TRAITS.get(kind, ()))}"
        )
    if kind == "audit" and name in _RECORD:
        raise InputError(
            f"register: audit {name!r}: that is another part of a Record; take another "
            "name"
        )
    if not _is_path(factory):
        _check_factory(kind, name, factory)
    options = _checked_options(kind, name, options)
    if origin and kind == "audit" and "enabled" not in {o.name for o in options}:
        options = (Option("enabled", True, f"run the audit {name}", FLAG), *options)
    code = digest(origin, factory) if origin else ""
    found = Entry(kind, name, factory, label, options, traits, origin, code)
    add(found)


def _check_factory(kind: str, name: str, factory: Any) -> None:
    """Refuses what cannot be a factory of its kind."""
    if kind != "audit":
        if not callable(factory):
            raise InputError(
                f"register: {kind} {name!r}: its factory is {factory!r}; give a "
                "function, or 'module:attribute'"
            )
    elif not (hasattr(factory, "check") and hasattr(factory, "measure")):
        raise InputError(
            f"register: audit {name!r}: it is a {type(factory).__name__}; give a "
            "dd_jax.audits.Audit, or 'module:attribute'"
        )
    elif factory.name != name:
        raise InputError(
            f"register: audit {name!r}: it calls itself {factory.name!r}; give both "
            "one name"
        )


def _checked_options(kind: str, name: str, options: Any) -> tuple[Option, ...]:
    """The options, each of them one, of a type that a config holds, its default right.

    Raises:
      InputError: the first thing that is wrong.
    """
    if not isinstance(options, tuple | list) or not all(
        isinstance(option, Option) for option in options
    ):
        raise InputError(
            f"register: {kind} {name!r}: options is a tuple of dd_jax.Option, such as "
            "(dd_jax.Option(...),)"
        )
    known: set[str] = set()
    for option in options:
        key = f"{ROOMS[kind]}.{name}.{option.name}"
        if not _NAME.fullmatch(str(option.name)) or option.name in known:
            raise InputError(
                f"register: {key}: not a name of an option, or given twice"
            )
        if problem := _problem(option):
            raise InputError(f"register: {key}: {problem}")
        known.add(option.name)
    return tuple(options)


def _problem(option: Option) -> str:
    """What is wrong with an option apart from its name; empty if nothing is."""
    default, rule = option.default, option.rule
    parts = default if type(default) is tuple else (default,)
    if type(default) not in _TYPES or any(type(p) not in _TYPES[:-1] for p in parts):
        return (
            f"its default is {default!r}; give a bool, int, float, str or a tuple of "
            "these"
        )
    if not isinstance(option.help, str) or not option.help.strip():
        return "it has no help; say in a line what it is"
    if option.name == "enabled" and type(default) is not bool:
        return f"its default is {default!r}; what is enabled is True or False"
    if rule is not None and not isinstance(rule, Rule):
        return f"its rule is {rule!r}; give a dd_jax.Rule(holds, words) or none"
    if not option.allowed.accepts(default):
        return f"its default is {default!r}; it must be {option.allowed.words}"
    return ""


def _is_path(factory: Any) -> bool:
    return isinstance(factory, str) and bool(re.fullmatch(r"[\w.]+:\w+", factory))
