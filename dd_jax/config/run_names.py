"""The names of runs: hashes of what their results follow from."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from ml_collections import ConfigDict

from dd_jax.catalogue.lookup import Entry, entries
from dd_jax.catalogue.method_traits import selects
from dd_jax.catalogue.naming import attack_of, init_of, source_of
from dd_jax.catalogue.rules import is_number
from dd_jax.config.fields import Identical, fields
from dd_jax.config.nested import flat
from dd_jax.system.disk import file_digest
from dd_jax.system.paths import expanded

RESULTS_VERSION = 8  # raised when most configs give other numbers
_FORMS = {"frepo": 2, "rat_bptt": 2}  # of methods that gave other numbers since then
_NAMED_BY = {  # kind of an entry -> the config key that names it, or turns it on
    "method": "distill.method",
    "init": "distill.init",
    "attack": "audits.robustness.attacks",
    "score": "audits.privacy.scores",
    "source": "data.source",
    "model": "model.name",
    "audit": "audits.{}.enabled",
}
_SWITCHES = (  # what is off has no part in ids, so that those from before it stay
    ("precision", "precision"),
    ("data.imbalance", "data.imbalance"),
    ("data.colour", "data.correlation"),
    ("data.colour", "data.colour"),
    ("data.groups", "data.groups"),
    ("distill.allocation", "distill.allocation"),
    ("distill.labels", "distill.teacher."),
    ("distill.labels", "distill.labels"),
    ("distill.mtt.label_epoch", "distill.mtt.label_epoch"),
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
    deciding = _deciding(Identical(entries()), used)
    known = fields()
    off = tuple(
        keys
        for switch, keys in _SWITCHES
        if values[switch] == known[switch].default and switch in deciding
    )
    values = {k: _canonical(values[k]) for k in _less(deciding, off)}
    if not _learns(config):
        values["distill.init"] = known["distill.init"].default
    code = [(_NAMED_BY[e.kind].format(e.name), e) for e in used if e.digest]
    forms = [e.name for e in used if e.kind == "method" and e.name in _FORMS]

    def name(only: tuple[str, ...]) -> str:
        kept = {key: values[key] for key in _chosen(tuple(values), only)}
        for named_by, found in code:
            if _chosen((named_by,), only):
                kept[f"code of {found.kind} {found.name}"] = found.digest
        if "distill.method" in kept:
            kept |= {f"form of method {method}": _FORMS[method] for method in forms}
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


def method_form(config: ConfigDict) -> dict[str, int]:
    """What a Record says of a method whose numbers have changed: `method_form`.

    Empty of a method in its first form, and of a loaded set, whose form is not known.

    Args:
      config: a valid config.
    """
    form = None if config.distill.load else current_form(config.distill.method)
    return {} if form is None else {"method_form": form}


def current_form(method: str) -> int | None:
    """The `method_form` of Records of a method; None of one in its first form."""
    return _FORMS.get(method)


def _learns(config: ConfigDict) -> bool:
    """Whether images are learned, which start from `distill.init`."""
    others = config.audits.transfer
    methods = config.distill.method, *(others.methods if others.enabled else ())
    return not all(map(selects, methods))


def _source_digest(source: str) -> str:
    """Of the files of a source, whatever their path; of its name where it has none."""
    name, place = source_of(source)
    files = expanded(place) if place else None
    return f"{name} {file_digest(files) if files and files.exists() else place}"


@lru_cache(maxsize=64)
def _less(keys: tuple[str, ...], starts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(key for key in keys if not key.startswith(starts))


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
    init, public = init_of(config.distill.init) if _learns(config) else ("real", "")
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
