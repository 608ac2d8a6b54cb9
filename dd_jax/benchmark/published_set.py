"""A published set: one file with all that evaluating it again needs."""

import json
import re
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dd_jax.data.eight_bits import quantise
from dd_jax.distill.io import storage
from dd_jax.report import headline, records
from dd_jax.report.records import dotted
from dd_jax.report.schema import sound
from dd_jax.runtime.loop import array_digest
from dd_jax.system.paths import expanded, no_file
from dd_jax.types import InputError, Record, SyntheticSet

_PLACED = ("idx", "npz", "folder")  # sources whose places are paths
RECIPE = ("seed", "data", "model", "train")  # what training on a set follows from


class PublishedSet(NamedTuple):
    """A file of a folder of published sets.

    Attributes:
      name: of the file, without its ending.
      path: of the file.
      images: that networks learn from.
      metadata: of the set; `config` has its training recipe.
    """

    name: str
    path: Path
    images: int
    metadata: dict

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size

    @property
    def record(self) -> str:
        """The id of the run that made the set; empty where none is known."""
        stated = self.metadata.get("record")
        return stated if isinstance(stated, str) and stated.isascii() else ""

    @property
    def recipe(self) -> dict[str, Any]:
        """The config keys of `RECIPE` that the set states, dotted."""
        return recipe(self.metadata)

    @property
    def data(self) -> str:
        """The name of the data that it is evaluated on; empty where it states none."""
        return data_name(str(self.recipe.get("data.source", "")))


def data_name(source: str) -> str:
    """The name of the data of a source, wherever they are.

    These are the letters and digits of the last part of the place, or of the kind of
    the source where that has none.

    >>> [data_name(s) for s in ("idx:/data/fashion-mnist", "tfds:cifar10", "digits")]
    ['fashionmnist', 'cifar10', 'digits']
    """
    kind, _, place = source.partition(":")
    names = (re.sub(r"[\W_]", "", PurePosixPath(p).stem.lower()) for p in (place, kind))
    return next(filter(None, names), "")


def place_of(source: str) -> Path | None:
    """The file or folder of a source; None where it has none, such as `digits`."""
    kind, _, place = source.partition(":")
    return expanded(place) if place and kind in _PLACED else None


def stated(made: Record) -> dict | None:
    """The accuracy of the run that made a set, as close to the file as measured."""
    return headline.quantized(made) or headline.accuracy(made)


def read(path: Path) -> PublishedSet:
    """Reads one of them.

    It names no Record where it states another digest than its own; those that were
    published before digests were stated keep theirs.

    Raises:
      InputError: it is not a synthetic set.
    """
    found = storage.load(path)
    metadata = found.metadata or {}
    stated = metadata.get("record_digest")
    if stated is not None and stated != content_digest(found):
        metadata = metadata | {"record": None}
    return PublishedSet(path.stem, path, len(found.images), metadata)


def content_digest(found: SyntheticSet) -> str:
    """Of what networks learn from, and of how many images are stored.

    Images count in 8 bits, beside labels, the learning rate and the recipe.
    """
    arrays = (quantise(found.images), found.labels, found.views, found.lr)
    metadata = found.metadata or {}
    own = json.dumps([recipe(metadata), metadata.get("stored_images")], sort_keys=True)
    return array_digest([*(array for array in arrays if array is not None), own])


def recipe(metadata: dict) -> dict[str, Any]:
    """The config keys that training on a set follows from, as its metadata have them.

    >>> recipe({"config": {"train": {"epochs": 9}, "distill": {"ipc": 1}}})
    {'train.epochs': 9}
    """
    stated = metadata.get("config", {})
    return dict(dotted({part: stated[part] for part in RECIPE if part in stated}))


def records_of(folder: Path, ids: set[str]) -> dict[str, Record]:
    """Records of runs by id, out of files of Records beside and above the sets."""
    wanted = [f'"{name}"'.encode() for name in ids]
    places = (folder, folder.resolve().parent) if ids else ()
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
