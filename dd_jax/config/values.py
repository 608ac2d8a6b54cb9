"""Every config: its defaults, overrides, checks, and the names of runs.

A config is a locked `ml_collections.ConfigDict`, made from, checked against and hashed
by one table, `dd_jax.config.fields.fields`, which also gives the help.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce
from operator import getitem
from typing import Any

from ml_collections import ConfigDict

from dd_jax.catalogue.lookup import Entry, entries
from dd_jax.catalogue.naming import attack_of, init_of, source_of
from dd_jax.catalogue.rules import is_number
from dd_jax.config.fields import Identical, fields
from dd_jax.config.nested import copied, flat
from dd_jax.system.disk import file_digest
from dd_jax.system.paths import check_text, expanded
from dd_jax.types import InputError

RESULTS_VERSION = 8  # raised whenever the same config gives different numbers
RENAMED = {  # old config key -> the key that it is now
    "distill.looks": "audits.learning_curve.eval_steps",
    "distill.network.life": "distill.network.outer_steps",
    "distill.mtt.lr_rate": "distill.mtt.lr_lr",
    "distill.mtt.approximate": "distill.mtt.tesla",
    "audits.export.enabled": "audits.quantization.enabled",
    "audits.robustness.drop": "audits.robustness.sequential_radii",
}
_PLAIN = (bool, int, float, str, tuple, list)  # values of some key, if not of this
_NAMED_BY = {  # kind of an entry -> the config key that names it, or turns it on
    "method": "distill.method",
    "init": "distill.init",
    "attack": "audits.robustness.attacks",
    "score": "audits.privacy.scores",
    "source": "data.source",
    "model": "model.name",
    "audit": "audits.{}.enabled",
}


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


_SWITCHES = (  # what is off has no part in ids, so that those from before it stay
    ("precision", "precision"),
    ("data.imbalance", "data.imbalance"),
    ("data.colour", "data.correlation"),
    ("data.colour", "data.colour"),
    ("data.groups", "data.groups"),
    ("distill.allocation", "distill.allocation"),
    ("distill.labels", "distill.teacher."),
    ("distill.labels", "distill.labels"),
    ("distill.mtt.expert_labels", "distill.mtt.expert_labels"),
    ("mitigate.curvature.weight", "mitigate.curvature."),
    ("mitigate.fair.form", "mitigate.fair."),
    ("dp.epsilon", "dp."),
    ("dp.sgd.epochs", "dp.sgd."),
    ("audits.data.enabled", "audits.data."),
    ("backdoor.rate", "backdoor."),
    ("audits.poison.enabled", "audits.poison."),
    ("audits.controls.enabled", "audits.controls."),
)


def run_id(config: ConfigDict, checksum: str, only: tuple[str, ...] = ("",)) -> str:
    """The name of a run: equal exactly when its results would be.

    `sha256(canonical JSON of result keys, checksum, RESULTS_VERSION)[:12]`. A
    synthetic set counts by its contents, not by its path.

    Args:
      config: a valid config; keys that cannot change results are left out.
      checksum: digest of the data, `Dataset.checksum`.
      only: the keys that matter, by how they start, less the very keys after a minus,
        such as `("", "-seed")`; for what several runs share.

    Returns:
      12 hexadecimal digits.
    """
    return run_ids(config, checksum, [only])[0]


def run_ids(
    config: ConfigDict, checksum: str, parts: Iterable[tuple[str, ...]]
) -> list[str]:
    """`run_id` for each of several choices of the keys that matter."""
    used, values = Identical(used_entries(config)), flat(config)
    values = {k: _canonical(values[k]) for k in _deciding(Identical(entries()), used)}
    for switch, off in _SWITCHES:
        if values.get(switch) == _canonical(fields()[switch].default):
            values = {k: v for k, v in values.items() if not k.startswith(off)}
    code = [(_NAMED_BY[e.kind].format(e.name), e) for e in used if e.digest]

    def name(only: tuple[str, ...]) -> str:
        kept = {key: values[key] for key in _chosen(tuple(values), only)}
        for named_by, found in code:
            if _chosen((named_by,), only):
                kept[f"code of {found.kind} {found.name}"] = found.digest
        name, place = init_of(kept.get("distill.init", "real"))
        if place:
            kept["distill.init"] = f"{name} {_source_digest(place)}"
        if kept.get("distill.load"):
            kept["distill.load"] = file_digest(expanded(config.distill.load))
        if sets := kept.get("audits.transfer.sets"):
            kept["audits.transfer.sets"] = [file_digest(expanded(s)) for s in sets]
        text = json.dumps([kept, checksum, RESULTS_VERSION], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    return [name(only) for only in parts]


def _source_digest(source: str) -> str:
    """Of the files of a source, whatever their path; of its name where it has none."""
    name, place = source_of(source)
    files = expanded(place) if place else None
    return f"{name} {file_digest(files) if files and files.exists() else place}"


@lru_cache(maxsize=64)
def _chosen(keys: tuple[str, ...], only: tuple[str, ...]) -> list[str]:
    less = {word[1:] for word in only if word[:1] == "-"}
    return [key for key in keys if key.startswith(only) and key not in less]


@lru_cache(maxsize=16)
def _deciding(known: Identical, used: Identical) -> tuple[str, ...]:
    """The keys that results follow from, where some of the known entries are used."""
    own = lambda some: {key for entry in some for key in entry.keys}
    others = own(e for e in known if e.kind != "audit") - own(used)
    return tuple(
        key
        for key, option in fields().items()
        if option.changes_results and key not in others
    )


def used_entries(config: ConfigDict) -> Iterator[Entry]:
    """The entries of the catalogue that a valid config uses."""
    others = config.audits.transfer
    init, public = init_of(config.distill.init)
    attacks = (attack_of(spec)[0] for spec in config.audits.robustness.attacks)
    used = {
        "method": {config.distill.method, *others.methods},
        "init": {init},
        "attack": set(attacks),
        "score": set(config.audits.privacy.scores),
        "source": {source_of(s)[0] for s in (config.data.source, public) if s},
        "model": {config.model.name, *others.architectures},
        "audit": {n for n, own in config.audits.items() if own.get("enabled", True)},
    }
    return (found for found in entries() if found.name in used[found.kind])


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple):
        return [float(v) if is_number(v) else v for v in value]
    return value
