"""Publishes a set: one file in 8 bits with its recipe, beside the Record of its run."""

import io
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from dd_jax import config as configs
from dd_jax.benchmark.published_set import (
    RECIPE,
    PublishedSet,
    content_digest,
    place_of,
    read,
    recipe,
    records_of,
    stated,
)
from dd_jax.data.eight_bits import encoding, quantise
from dd_jax.distill.io import storage
from dd_jax.distill.io.conversion import NO_RATE, converted
from dd_jax.distill.io.png_folder import whitened
from dd_jax.distill.parametrisation.multi_formation import distance_to_tiles
from dd_jax.report import completed, records
from dd_jax.report.path_texts import without_paths
from dd_jax.system import disk, workdir
from dd_jax.system.paths import NO_FILE, no_file
from dd_jax.types import InputError, Record, SyntheticSet

MOST_BYTES = 10**6
_KEPT = ("architecture_in_words", "training", "class_names")  # may look like paths
_ROUNDED = 2 / 255  # more than what is left of 8 bits and clipping in enlarged tiles


class Added(NamedTuple):
    """A set that was published.

    Attributes:
      path: of its file.
      source: of its data, as it was given.
      notes: what its user should know, a line each.
    """

    path: Path
    source: str
    notes: list[str]


def add(
    given: Path,
    name: str,
    folder: Path,
    changes: dict[str, Any],
    check: Callable[[PublishedSet, str], str],
) -> Added:
    """Publishes a set: in 8 bits, with its recipe, and with the Record of its run.

    A file of this name that holds the same set is left as it is, so that a command that
    was stopped can be given again. Of a run with several sets the first is published,
    without its Record, which is of all of them.

    Args:
      given: the folder of a finished run, a `synthetic.npz`, or an exported folder.
      name: of the new file.
      folder: of the published sets; made where it is not there.
      changes: config keys of `RECIPE`, dotted, in place of those that the set states.
      check: a digest of the rows that a set can be evaluated on, given it and its data
        source; refuses others. It is kept where the set has no digest of its data.

    Returns:
      The new file; nothing is written of a set that is refused.

    Raises:
      InputError: a name that is taken or no file name, a run that is not finished, a
        set that does not fit into `MOST_BYTES`, needs a `zca.npz` or states fewer
        stored images than it has, no data source, wrong values, or others than the set
        states.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9_.-]{0,99}", name):
        raise InputError(f"--name={name}: need small letters, digits and any of _.-")
    path = folder / f"{name}.npz"
    notes, record = [], _record(given)
    elsewhere = record is None
    kept = records_of(folder, {record["run"]["id"]} if record else set())
    file = given / "synthetic.npz"
    found = storage.load(file if file.is_file() else given)
    if whitened(found):
        raise InputError(
            f"{given}: networks see the set through ZCA, and one file does not hold "
            "its zca.npz; give another set"
        )
    known = _published_record(found)
    if elsewhere and not known:
        _require_stored(found, given)
    if clipped := encoding(found.images)["clipped"]:
        notes.append(f"{clipped:.1%} of pixel values are outside [0, 1]: clipped")
    if record and record["run"].get("sets", 1) > 1:
        notes.append("the first of several sets: without their common Record")
        record = None
    elif record and any(stated(record) != stated(other) for other in kept.values()):
        notes.append("another Record of this run is there: the page compares with it")
    config = _config(found, changes)
    source = config["data"]["source"]
    made = _described(found, config, record["run"]["id"] if record else known)
    with TemporaryDirectory() as place:
        draft = Path(place) / path.name
        draft.write_bytes(_content(made, given))
        try:
            rows = check(read(draft), source)
        except InputError as error:
            raise InputError(str(error).replace(str(draft), str(given))) from None
    if made.metadata["provenance"].get("checksum") is None:
        made = made._replace(metadata=made.metadata | {"evaluation_rows": rows})
    _write(path, _content(made, given))
    if record and not kept:
        records.append_result(folder, public(record))
    return Added(path, source, notes)


def _record(given: Path) -> Record | None:
    """The Record of the run that made a set, where it lies in the run's folder."""
    folder = given.parent if given.name == "synthetic.npz" else given
    if not workdir.read_status(folder):
        return None
    record = completed.intact_record(folder)
    if record is None:
        raise InputError(f"{folder}: the run is not finished; run it to its end")
    return None if record["run"].get("loaded") else record


def _require_stored(found: SyntheticSet, given: Path) -> None:
    """Refuses a set that states fewer stored images than its images need."""
    count = len(found.images)
    stored = (found.metadata or {}).get("stored_images", count)
    factor = math.isqrt(count // stored)
    whole = stored * factor**2 == count
    if not whole or distance_to_tiles(found.images, factor).max() > _ROUNDED:
        raise InputError(
            f"{given}: states stored_images={stored}, and its {count} images are not "
            "their enlarged tiles; give the folder of its run, or the right number"
        )


def _config(found: SyntheticSet, changes: dict[str, Any]) -> dict:
    """The config that a set states, with its whole recipe."""
    metadata = found.metadata or {}
    own = recipe(metadata)
    if others := [key for key in changes if key.partition(".")[0] not in RECIPE]:
        raise InputError(
            f"--config.{others[0]}: is no part of training on a set; keys of "
            f"{', '.join(RECIPE)} are"
        )
    if not (own | changes).get("data.source"):
        raise InputError("the set names no data; give --config.data.source=SOURCE")
    whole = configs.override(configs.default(), own | changes, "--add")
    configs.validate(whole)
    if NO_RATE not in converted(found):
        own |= {"train.lr": float(f"{found.lr:.7g}")}
    before = configs.flat(configs.override(configs.default(), own, "--add"))
    after = configs.flat(whole)
    for key in changes:
        if key != "data.source" and key in own and before[key] != after[key]:
            raise InputError(
                f"--config.{key}: is {before[key]} of the set; leave it out"
            )
    part = configs.essential(whole)
    return metadata.get("config", {}) | {section: part[section] for section in RECIPE}


def _from_root(source: str) -> str:
    """A source whose place is a path, with the path from the root."""
    place = place_of(source)
    return f"{source.partition(':')[0]}:{os.path.abspath(place)}" if place else source


def _described(found: SyntheticSet, config: dict, record: str) -> SyntheticSet:
    """The set with the metadata that are published; nothing names a path."""
    data = config["data"] | {"source": _from_root(config["data"]["source"])}
    metadata = found.metadata or {}
    provenance = metadata.get("provenance")
    of_all = {"provenance": provenance if isinstance(provenance, dict) else {}}
    of_all |= {"config": config | {"data": data}}
    own = {"clamped": True}
    own |= {key: metadata[key] for key in _KEPT if key in metadata}
    made = found._replace(metadata=without_paths(metadata | of_all) | own)
    named = {"record": record or None}
    named |= {"record_digest": content_digest(made)} if record else {}
    return made._replace(metadata=made.metadata | named)


def _published_record(found: SyntheticSet) -> str:
    """The id of the Record that a published file names, if its digest is right."""
    metadata = found.metadata or {}
    right = metadata.get("record_digest") == content_digest(found)
    return PublishedSet("", Path(), 0, metadata).record if right else ""


def public(record: Record) -> Record:
    """A Record whose run names no path."""
    run = record["run"]
    config = run["config"]
    if source := config.get("data.source"):
        config = config | {"data.source": _from_root(source)}
    placed = {"dataset": _from_root(run["dataset"]), "config": config}
    names = {key: run[key] for key in _KEPT if key in run}
    return record | {"run": without_paths(run | placed) | names}


def _content(synthetic: SyntheticSet, given: Path) -> bytes:
    """The file of a set: `images u8[m h w c]` and the other arrays as they are."""
    arrays = {k: v for k, v in synthetic._asdict().items() if v is not None}
    arrays["images"] = quantise(synthetic.images)
    arrays["metadata"] = json.dumps(synthetic.metadata, sort_keys=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    content = buffer.getvalue()
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{given}: takes {len(content)} bytes, and {MOST_BYTES} are the most"
        )
    return content


def _write(path: Path, content: bytes) -> None:
    """Writes a file that is not there; one with the same content stays."""
    if not no_file(path) and path.read_bytes() == content:
        return
    if no_file(path) != NO_FILE:
        raise InputError(
            f"--name={path.stem}: {path} exists already; give another name"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.replace(path, content)
