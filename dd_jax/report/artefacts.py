"""The files beside a Record: what the page shows of them, and which are damaged."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from dd_jax.report import pictures
from dd_jax.report.blocks import Picture
from dd_jax.report.run_folder import json_file, remedy
from dd_jax.report.schema import CONFIG, CURVES
from dd_jax.report.shapes import Check, Wrong
from dd_jax.types import InputError, Record

SHOWN = ("config.json", "curves.json", "synthetic.npz", "gallery.png")
GALLERY = "Synthetic images with the nearest training and the nearest unseen image"
LARGEST = 2**30  # bytes once unpacked; larger files are not read through


class Artefacts(NamedTuple):
    """What the page shows beside a Record; empty or None where it cannot be read."""

    config: dict = {}
    curves: dict = {}
    synthetic: dict[str, Any] | None = None
    gallery: Picture | None = None
    damaged: Sequence[str] = ()


def read(folder: Path, record: Record, side: int) -> Artefacts:
    """The files of one run.

    Args:
      folder: of the run.
      record: which names the files that the run wrote.
      side: largest side of a synthetic image on the page, in pixels.

    Returns:
      What could be read, and a line for each file that is damaged or missing.
    """
    damaged: list[str] = []
    named = (record.get("artifacts") or {}).values()
    # A name in a Record of others must not lead out of the folder.
    written = {"config.json", *(Path(name or "").name for name in named)} - {""}

    def attempt(name: str, make: Callable[[Path], Any]) -> Any:
        path = folder / name
        try:
            if not path.exists() and name not in written:
                return None
            if not path.is_file():
                problem = "is no file" if path.exists() else "is missing"
                raise InputError(f"{path}: {problem}; {remedy(path)}")
            return make(path)
        except Exception as error:  # a damaged file may fail its reader in any way
            known = isinstance(error, InputError)
            damaged.append(str(error) if known else _damaged(path, error))
        return None

    found = Artefacts(
        attempt("config.json", lambda path: _json(path, CONFIG)) or {},
        attempt("curves.json", lambda path: _json(path, CURVES)) or {},
        attempt("synthetic.npz", lambda path: pictures.synthetic_pictures(path, side)),
        attempt("gallery.png", lambda path: pictures.stored(path, GALLERY)),
        damaged,
    )
    for name in sorted(written - set(SHOWN)):
        attempt(name, _read_through)
    return found


def _json(path: Path, check: Check) -> dict:
    found = json_file(path)
    try:
        if not isinstance(found, dict):
            raise Wrong("is no object")
        check(found)
    except Wrong as wrong:
        problem = wrong.at("").strip(". ")
        raise InputError(f"{path}: {problem}; {remedy(path)}") from None
    return found


def _read_through(path: Path) -> None:
    """Raise where a file is damaged."""
    if not path.stat().st_size:
        raise ValueError("is empty")
    if path.suffix == ".npz":
        with zipfile.ZipFile(path) as file:
            if sum(part.file_size for part in file.infolist()) <= LARGEST:
                if spoiled := file.testzip():
                    raise ValueError(f"{spoiled} differs from its checksum")
    elif path.suffix == ".png":
        with Image.open(path) as picture:
            picture.verify()
    elif path.suffix == ".jsonl" and path.stat().st_size <= LARGEST:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not isinstance(json.loads(line), dict):
                    raise ValueError(f"line {number} is no object")


def _damaged(path: Path, error: Exception) -> str:
    return f"{path}: is damaged ({str(error) or type(error).__name__}); {remedy(path)}"
