"""Registration: how a method, an attack or an audit enters the catalogue."""

import ast
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

from dd_jax.catalogue.lookup import ROOMS, Entry, Option, add
from dd_jax.catalogue.rules import FLAG
from dd_jax.types import InputError

_NAME = re.compile(r"[a-z][a-z0-9_]*")


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
        init: `(key, real, ipc, enter, ...) -> f32[k ipc h w c]`;
        audit: a `dd_jax.audits.Audit`.
      label: what reports call it.
      options: its own config keys, `distill.NAME.KEY` and so on.
      **traits: see `dd_jax.catalogue.builtin`; others than this package need none.

    Raises:
      InputError: a kind that does not exist; a name that is none, or is taken.
    """
    caller = sys._getframe(1).f_globals  # functools.partial has no frame of its own
    origin = str(caller.get("__file__") or caller.get("__name__"))
    if Path(origin).parent == Path(__file__).parent:
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
    if not (callable(factory) or hasattr(factory, "measure") or _is_path(factory)):
        raise InputError(
            f"register: {kind} {name!r}: its factory is {factory!r}; give a function, "
            "or 'module:attribute'"
        )
    if origin and kind == "audit" and "enabled" not in {o.name for o in options}:
        options = (Option("enabled", True, f"run the audit {name}", FLAG), *options)
    found = Entry(
        kind, name, factory, label, tuple(options), traits, origin, _digest(origin)
    )
    _check_options(found)
    add(found)


def _check_options(found: Entry) -> None:
    known: set[str] = set()
    for option in found.options:
        key = found.prefix + option.name
        if not _NAME.fullmatch(option.name) or option.name in known:
            raise InputError(
                f"register: {key}: not a name of an option, or given twice"
            )
        if not isinstance(option.default, bool | int | float | str | tuple):
            raise InputError(
                f"register: {key}: its default is {option.default!r}; give a "
                "bool, int, float, str or tuple"
            )
        known.add(option.name)


def _is_path(factory: Any) -> bool:
    return isinstance(factory, str) and bool(re.fullmatch(r"[\w.]+:\w+", factory))


def _digest(origin: str) -> str:
    """A name for the code of a file, its comments and its config left out."""
    if not origin:
        return ""
    try:
        tree = ast.parse(Path(origin).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ""
    config = ("get_config", "sweep")
    kept = [n for n in tree.body if getattr(n, "name", None) not in config]
    code = "\n".join(ast.dump(node) for node in kept)
    return hashlib.sha256(code.encode()).hexdigest()[:12]
