"""MNIST-format files: big-endian IDX arrays, gzipped or not."""

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from dd_jax.data.raw import Raw
from dd_jax.system.memory import excess
from dd_jax.system.paths import IS_FOLDER, expanded, no_file, no_folder
from dd_jax.types import InputError, Split

_UNSIGNED_BYTE = 0x08
_GZIP = b"\x1f\x8b"
_SIZES = 2**32  # largest number of values that a message shows as one number
_AXES = 4  # of images in colour
_TRANSPOSED = (
    "EMNIST's files hold each image with rows and columns swapped; read as it is there"
)
_PARTS = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("t10k", "images"): "t10k-images-idx3-ubyte",
    ("t10k", "labels"): "t10k-labels-idx1-ubyte",
}
_NAME = re.compile(
    r"([^.].*[-_.])?(train|t10k|test)[-_.](images|labels)[-_.]idx[0-9][-_.]ubyte(\.gz)?",
    re.IGNORECASE,
)


def read(place: str) -> Raw:
    """Reads the four MNIST-format files of a directory.

    Args:
      place: a directory of `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
        `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, with or without
        `.gz`; also spelt `train-images.idx3-ubyte`, with `test` for `t10k`, and with
        one prefix before all four names, such as `emnist-letters-`.

    Raises:
      InputError: a file is missing, truncated or not of this format, or there are
        several sets.
    """
    folder = expanded(place)
    if why := no_folder(folder):
        raise InputError(
            f"idx: {folder}: {why}; it should hold train-images-idx3-ubyte.gz "
            "and the three other MNIST-format files"
        )

    prefix, files = _find(folder)
    arrays = [read_array(files[part]) for part in _PARTS]
    notes = (_TRANSPOSED,) if "emnist" in prefix.lower() else ()
    return Raw(Split(*arrays[:2]), Split(*arrays[2:]), notes=notes)


def read_array(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes.

    Layout: two zero bytes, the type code 8, the rank `r`, `r` sizes as big-endian
    32-bit integers, then the values with the last axis fastest.

    Args:
      path: the file; one that starts as gzip does is unzipped, whatever its name.

    Returns:
      `u8[...]` of the shape that the header states.

    Raises:
      InputError: the file is truncated, too long or not an IDX file of bytes.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database, file formats.
    """
    try:
        data = _contents(path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read ({error or type(error).__name__}); it should be "
            "a whole gzipped MNIST-format file"
        ) from error
    if len(data) < 4 or data[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
        raise InputError(
            f"{path} starts with 0x{data[:4].hex()}, which is not the MNIST format; "
            "0x00000803 for images or 0x00000801 for labels is expected"
        )
    if (rank := data[3]) > _AXES:
        raise InputError(
            f"{path} states {rank} axes; 3 for images or 1 for labels are expected"
        )
    start = 4 + 4 * rank
    if len(data) < start:
        raise InputError(f"{path} ends within its header; fetch the file again")
    shape = struct.unpack(f">{rank}I", data[4:start])
    if len(data) - start != math.prod(shape) or max(shape, default=0) > len(data):
        raise InputError(
            f"{path} holds {len(data) - start} values where its header says "
            f"{_stated(shape)}; fetch the file again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _stated(shape: tuple[int, ...]) -> str:
    size = math.prod(shape)
    absurd = max(shape, default=0) > size or size > _SIZES
    return " x ".join(map(str, shape)) if absurd else str(size)


def _contents(path: Path) -> bytearray:
    """All bytes of a file, unzipped, unless they are more than memory holds."""
    stored, data = path.stat().st_size, bytearray()
    with path.open("rb") as plain:
        zipped = plain.read(len(_GZIP)) == _GZIP or path.suffix.lower() == ".gz"
        plain.seek(0)
        if not zipped and (reason := excess(stored, stored)):
            raise InputError(f"{path}: {reason}")
        with gzip.open(plain) if zipped else plain as file:
            while chunk := file.read(2**20):
                data += chunk
                if zipped and (reason := excess(len(data), stored)):
                    raise InputError(f"{path}: {reason}")
    return data


def _find(folder: Path) -> tuple[str, dict[tuple[str, str], Path]]:
    """The common prefix of the four files of a directory, and the files."""
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    found = sorted(folder.iterdir(), key=lambda p: (p.suffix != ".gz", p.name))
    for path in found:
        match, why = _NAME.fullmatch(path.name), no_file(path)
        if match and why not in ("", IS_FOLDER):
            raise InputError(f"{path}: {why}; it should be a MNIST-format file")
        if match and not why:
            prefix, split, what, _ = match.groups()
            split = {"test": "t10k"}.get(split.lower(), split.lower())
            files = sets.setdefault(prefix or "", {})
            first = files.setdefault((split, what.lower()), path)
            if path.name.removesuffix(".gz") != first.name.removesuffix(".gz"):
                raise InputError(
                    f"{folder} holds both {first.name} and {path.name}; keep one"
                )
    whole = [prefix for prefix, files in sets.items() if len(files) == len(_PARTS)]
    if len(whole) > 1:
        names = ", ".join(repr(prefix) for prefix in sorted(whole))
        raise InputError(
            f"{folder} holds {len(whole)} sets of files, with the prefixes {names}; "
            "give a folder that holds one"
        )
    if whole:
        return whole[0], sets[whole[0]]
    prefix, files = next(iter(sets.items()), ("", {}))
    part = next(part for part in _PARTS if part not in files)
    name = prefix + _PARTS[part]
    raise InputError(f"{folder} has neither {name}.gz nor {name}")
