"""Which runs are repeats of one setting: those that differ in the seed alone."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.report.display_names import key_name, run_value, short_name
from dd_jax.report.formats import format_value
from dd_jax.report.run_keys import KEYS, NUMERIC
from dd_jax.types import Record

NO_SETTINGS = ("seed", "devices", "checkpoint_seconds", "report.", "decision.")
DEFAULT = "default"


class Settings(NamedTuple):
    """What varies over runs besides the seed.

    Attributes:
      keys: that vary, those of `run_keys.KEYS` first; `method` where none does.
      values: of each run, as texts in the order of `keys`.
      common: the other keys of `run_keys.KEYS` and their values, in one line.
    """

    keys: tuple[str, ...]
    values: list[tuple[str, ...]]
    common: str


def settings(records: Sequence[Record]) -> Settings:
    """The setting of each run; repeats have the same.

    Keys of the config, the defences, the precision and then the form of the method
    count where runs that agree in all keys before differ in them: a learning rate that
    goes with the method does not.
    Records of version 4 and older have no config keys.
    """
    found = [_all(record) for record in records]
    names = dict.fromkeys(name for own in found for name in own)
    names["method_form"] = names.pop("method_form", None)  # after all keys of configs
    keys: list[str] = []
    for name in names:
        known = {tuple(own.get(key) for key in keys) for own in found}
        split = {tuple(own.get(key) for key in (*keys, name)) for own in found}
        if len(split) > len(known) or (
            name in KEYS and len({own.get(name) for own in found}) > 1
        ):
            keys.append(name)
    keys = keys or ["method"]
    values = [tuple(own.get(key, DEFAULT) for key in keys) for own in found]
    common = [_common(records[0], key) for key in KEYS if key not in keys]
    return Settings(tuple(keys), values, ", ".join(common))


def heading(key: str) -> str:
    """What a column of settings is called.

    >>> heading("ipc"), heading("num_classes"), heading("mitigate.robust.eps")
    ('IPC', 'classes', 'mitigate.robust.eps')
    """
    return {"ipc": "IPC", "init": "init"}.get(
        key, key_name(key) if key in KEYS else key
    )


def _all(record: Record) -> dict[str, str]:
    """Settings of one run as texts, by run key or config key."""
    run = record["run"]
    found = {key: short_name(run_value(record, key), key) for key in KEYS}
    config = run.get("config")
    parts = {
        "adversarial": run.get("adversarial"),
        "precision": run.get("precision"),
        "": config,
    }
    for part, values in parts.items():
        for key, value in (values if isinstance(values, dict) else {}).items():
            name = f"{part}.{key}" if part else key
            if not name.startswith(NO_SETTINGS):
                found[name] = format_value(value)
    return found | {"method_form": run_value(record, "method_form")}


def _common(record: Record, key: str) -> str:
    value = run_value(record, key)
    return f"{key_name(key)} {value}" if key in (*NUMERIC, "init") else value
