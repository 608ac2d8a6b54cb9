"""A published set: one file with all that evaluating it again needs."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from dd_jax import config as configs
from dd_jax.data.eight_bits import quantise
from dd_jax.distill.io import storage
from dd_jax.distill.io.png_folder import whitened
from dd_jax.report import completed, records
from dd_jax.report.path_texts import without_paths
from dd_jax.report.schema import sound
from dd_jax.system import disk
from dd_jax.system.paths import NO_FILE, no_file
from dd_jax.types import InputError, Record, SyntheticSet

MOST_BYTES = 10**6
RECIPE = ("seed", "data", "model", "train")  # what training on a set follows from


class PublishedSet(NamedTuple):
    """A file of a folder of published sets.

    Attributes:
      name: of the file, without its ending.
      path: of the file.
      metadata: of the set; `config` has its training recipe.
    """

    name: str
    path: Path
    metadata: dict

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size

    @property
    def record(self) -> str:
        """The id of the run that made the set; empty where none is known."""
        stated = self.metadata.get("record")
        return stated if isinstance(stated, str) else ""

    @property
    def recipe(self) -> dict[str, Any]:
        """The config keys of `RECIPE` that the set states, dotted."""
        return recipe(self.metadata)


def data_name(source: str) -> str:
    """The name of the data of a source, wherever they are.

    >>> [data_name(s) for s in ("idx:/data/fashion-mnist", "tfds:cifar10", "digits")]
    ['fashionmnist', 'cifar10', 'digits']
    """
    name, _, place = source.partition(":")
    last = PurePosixPath(place or name).stem.lower()
    return re.sub(r"[^a-z0-9]", "", last)


def read(path: Path) -> PublishedSet:
    """Reads one of them.

    Raises:
      InputError: it is not a synthetic set.
    """
    return PublishedSet(path.stem, path, storage.load(path).metadata or {})


def recipe(metadata: dict) -> dict[str, Any]:
    """The config keys that training on a set follows from, as its metadata have them.

    >>> recipe({"config": {"train": {"epochs": 9}, "distill": {"ipc": 1}}})
    {'train.epochs': 9}
    """
    stated = metadata.get("config", {})
    return dict(_dotted({part: stated[part] for part in RECIPE if part in stated}))


def _dotted(node: dict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def records_of(folder: Path, ids: set[str]) -> dict[str, Record]:
    """Records of runs by id, out of files of Records beside and above the sets."""
    wanted = [f'"{name}"'.encode() for name in ids]
    places = (folder, folder.parent) if ids else ()
    ends = ("*.jsonl", "*.jsonl.gz")
    paths = [path for place in places for end in ends for path in place.glob(end)]
    found = {}
    for path in sorted(path for path in paths if not no_file(path)):
        for line in records.content(path).splitlines():
            if not any(name in line for name in wanted):
                continue
            with suppress(InputError, ValueError, RecursionError):  # a damaged line
                record, _ = sound(json.loads(line), str(path))
                if record["run"]["id"] in ids:
                    found[record["run"]["id"]] = record
    return found


def add(
    given: Path,
    name: str,
    folder: Path,
    changes: dict[str, Any],
    check: Callable[[PublishedSet, str], object],
) -> Path:
    """Publishes a set: in 8 bits, with its recipe, and with the Record of its run.

    Args:
      given: the folder of a finished run, a `synthetic.npz`, or an exported folder.
      name: of the new file.
      folder: of the published sets; made where it is not there.
      changes: config keys of `RECIPE`, dotted, in place of those that the set states.
      check: refuses a set that cannot be evaluated, given it and its data source.

    Returns:
      The new file; nothing is written of a set that is refused.

    Raises:
      InputError: a name that is taken or no file name, a set that does not fit into
        `MOST_BYTES` or needs a `zca.npz`, no data source, or wrong values.
    """
    if not re.fullmatch("[a-z0-9][a-z0-9_.-]{0,99}", name):
        raise InputError(f"--name={name}: need small letters, digits and any of _.-")
    path = folder / f"{name}.npz"
    if no_file(path) != NO_FILE:
        raise InputError(f"--name={name}: {path} exists already; give another name")
    source = given / "synthetic.npz"
    source = source if source.is_file() else given
    found = storage.load(source)
    if whitened(found):
        raise InputError(
            f"{given}: networks see the set through ZCA, and one file does not hold "
            "its zca.npz; give another set"
        )
    record, whole = _record(source), _config(found.metadata or {}, changes)
    metadata = {
        **(found.metadata or {}),
        "config": without_paths(whole),
        "clamped": True,
        "record": record["run"]["id"] if record else None,
    }
    metadata["provenance"] = without_paths(metadata.get("provenance", {}))
    content = _content(found._replace(metadata=metadata))
    if len(content) > MOST_BYTES:
        raise InputError(
            f"{given}: takes {len(content)} bytes, and {MOST_BYTES} are the most"
        )
    folder.mkdir(parents=True, exist_ok=True)
    disk.replace(path, content)
    try:
        check(read(path), whole["data"]["source"])
    except InputError:
        path.unlink()
        raise
    if record and not records_of(folder, {record["run"]["id"]}):
        records.append_result(folder, record | {"run": without_paths(record["run"])})
    return path


def _record(source: Path) -> Record | None:
    """The Record of the run that made a set, where it lies in the run's folder."""
    if source.name != "synthetic.npz":
        return None
    record = completed.intact_record(source.parent)
    return None if record is None or record["run"].get("loaded") else record


def _config(metadata: dict, changes: dict[str, Any]) -> dict:
    """The config that a set states, with its whole recipe."""
    stated = recipe(metadata) | changes
    if others := [key for key in changes if key.partition(".")[0] not in RECIPE]:
        raise InputError(
            f"--config.{others[0]}: is no part of training on a set; keys of "
            f"{', '.join(RECIPE)} are"
        )
    if not stated.get("data.source"):
        raise InputError("the set names no data; give --config.data.source=SOURCE")
    whole = configs.override(configs.default(), stated, "--add")
    configs.validate(whole)
    found = configs.essential(whole)
    return metadata.get("config", {}) | {part: found[part] for part in RECIPE}


def _content(synthetic: SyntheticSet) -> bytes:
    """The file of a set: `images u8[m h w c]` and the other arrays as they are."""
    arrays = {k: v for k, v in synthetic._asdict().items() if v is not None}
    arrays["images"] = quantise(synthetic.images)
    arrays["metadata"] = json.dumps(synthetic.metadata, sort_keys=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
