"""Every config: its defaults, overrides and checks.

A config is a locked `ml_collections.ConfigDict`, made from and checked against one
table, `dd_jax.config.fields.fields`, which also gives the help.
"""

import difflib
import json
from functools import reduce
from operator import getitem
from typing import Any

from ml_collections import ConfigDict

from dd_jax.config.fields import fields
from dd_jax.config.nested import copied, flat
from dd_jax.system.paths import check_text
from dd_jax.types import InputError

RENAMED = {  # old config key -> the key that it is now
    "distill.looks": "audits.learning_curve.eval_steps",
    "distill.network.life": "distill.network.outer_steps",
    "distill.mtt.lr_rate": "distill.mtt.lr_lr",
    "distill.mtt.approximate": "distill.mtt.tesla",
    "audits.export.enabled": "audits.quantization.enabled",
    "audits.robustness.drop": "audits.robustness.sequential_radii",
}
_PLAIN = (bool, int, float, str, tuple, list)  # values of some key, if not of this


def default() -> ConfigDict:
    """The quick-start config: all keys of `fields`, locked against new ones.

    >>> default().distill.ipc
    10
    """
    config = ConfigDict()
    for key, option in fields().items():
        *parents, leaf = key.split(".")
        node = config
        for parent in parents:
            if parent not in node:
                node[parent] = ConfigDict()
            node = node[parent]
        node[leaf] = option.default
    return config.lock()


def only_audits(*names: str) -> dict[str, bool]:
    """Overrides that turn these audits on, and off all others that are on by default.

    >>> only_audits("fairness", "poison")["audits.poison.enabled"]
    True
    """
    on = {name for name, own in default().audits.items() if own.get("enabled")}
    return {f"audits.{name}.enabled": name in names for name in sorted(on.union(names))}


def check_key(key: str, where: str) -> None:
    """Raise InputError, with the nearest known key, unless `key` is a key."""
    known = fields()
    if key in RENAMED and key not in known:
        raise InputError(f"{where}: config key {key} is now {RENAMED[key]}")
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "--help lists all keys"
        raise InputError(f"{where}: unknown config key {key}; {hint}")


def override(
    config: ConfigDict, values: dict[str, Any], where: str, *, typed: bool = True
) -> ConfigDict:
    """A copy of `config` with dotted keys replaced.

    Args:
      config: the config.
      values: by dotted key.
      where: they come from, for errors.
      typed: whether values of another type are refused, and not left to `validate`.

    Raises:
      InputError: a key that does not exist, or a value of another type.
    """
    changed = copied(config)
    for key, value in values.items():
        check_key(key, where)
        *parents, leaf = key.split(".")
        node = changed
        for parent in parents:
            node = node[parent]
        try:
            node[leaf] = value
        except TypeError:
            if typed or not isinstance(value, _PLAIN):
                raise InputError(f"{where}: {wrong(key, value)}") from None
            with node.ignore_type():
                node[leaf] = value
    return changed


def wrong(key: str, value: Any) -> str:
    """The error message for a bad value of a known key, with what is allowed.

    >>> wrong("distill.ipc", 0)
    'distill.ipc=0: must be at least 1 (type int)'
    """
    option = fields()[key]
    kind, rule = type(option.default), option.allowed
    named = f" (type {kind.__name__})" if kind in (int, float) else ""
    found = rule.reason(value) if type(value) is kind else ""
    why = f" ({found})" if found else ""
    return f"{key}={value!r}: must be {rule.words}{named}{why}"


def validate(config: ConfigDict) -> None:
    """Check every key: known, present, of its type and in its range.

    Raises:
      InputError: one line with the first bad key, its value and what is right.
    """
    known, values = fields(), flat(config)
    for key in values:
        if key not in known:
            check_key(key, "config")  # raises
    for key, option in known.items():
        if key not in values:
            raise InputError(f"config: {key} is missing; start from config.default()")
        value = values[key]
        if value is option.default:
            continue
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str):
                check_text(part, f"config: {key}: ")
        if type(value) is not type(option.default) or not option.allowed.accepts(value):
            raise InputError(f"config: {wrong(key, value)}")


def essential(config: ConfigDict) -> dict[str, Any]:
    """The keys that results follow from, as nested JSON values.

    >>> "steps_per_call" in essential(default())["distill"]
    False
    """
    kept = json.loads(config.to_json())
    for key, option in fields().items():
        if not option.changes_results:
            *path, last = key.split(".")
            del reduce(getitem, path, kept)[last]
    return kept


def changed(config: ConfigDict) -> dict[str, Any]:
    """The keys of a config that are not at their defaults, dotted.

    >>> changed(override(default(), {"distill.ipc": 1}, "here"))
    {'distill.ipc': 1}
    """
    known = fields()
    given = flat(config).items()
    return {key: value for key, value in given if value != known[key].default}


def changed_in_json(config: ConfigDict) -> dict[str, Any]:
    """The same as JSON gives them back: lists in place of tuples."""
    return json.loads(json.dumps(changed(config)))
