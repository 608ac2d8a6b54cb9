"""MNIST-format files: big-endian IDX arrays, plain or gzipped."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from dd_jax.data.raw import Raw
from dd_jax.paths import NO_FILE, expanded, no_file, no_folder
from dd_jax.types import InputError, Split

_UNSIGNED_BYTE = 0x08


def read(directory: str) -> Raw:
    """Reads the four MNIST-format files of a directory.

    Args:
      directory: holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
        `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or `.gz`.

    Raises:
      InputError: a file is missing, truncated or not of this format.
    """
    folder = expanded(directory)
    if why := no_folder(folder):
        raise InputError(
            f"idx: {folder}: {why}; it should hold train-images-idx3-ubyte.gz "
            "and the three other MNIST-format files"
        )

    def split(prefix: str) -> Split:
        return Split(
            read_array(_find(folder, f"{prefix}-images-idx3-ubyte")),
            read_array(_find(folder, f"{prefix}-labels-idx1-ubyte")),
        )

    return Raw(split("train"), split("t10k"))


def read_array(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes.

    Layout: two zero bytes, the type code 8, the rank `r`, `r` sizes as big-endian
    32-bit integers, then the values with the last axis fastest.

    Args:
      path: the file; a name that ends in `.gz` is unzipped.

    Returns:
      `u8[...]` of the shape that the header states.

    Raises:
      InputError: the file is truncated, too long or not an IDX file of bytes.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database, file formats.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
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
    rank = data[3]
    start = 4 + 4 * rank
    if len(data) < start:
        raise InputError(f"{path} ends within its header; fetch the file again")
    shape = struct.unpack(f">{rank}I", data[4:start])
    if len(data) - start != math.prod(shape):
        raise InputError(
            f"{path} holds {len(data) - start} values where its header says "
            f"{math.prod(shape)}; fetch the file again"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if not (why := no_file(path)):
            return path
        if why != NO_FILE:
            raise InputError(f"{path}: {why}; it should be a MNIST-format file")
    raise InputError(f"{folder} has neither {name}.gz nor {name}")
