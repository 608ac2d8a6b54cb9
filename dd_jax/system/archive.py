"""One guarded reader of `.npz` archives from any source.

An archive is untrusted: nothing in it is unpickled or unpacked to disk. The size that
its headers announce is compared with what is stored and
with the free memory before any array is made, and every checksum is read to the end.
"""

import math
import os
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO, FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from dd_jax.system.memory import excess, format_bytes
from dd_jax.system.one_line import plain_line
from dd_jax.types import InputError

_DIRECTORY = 2**20  # bytes of the longest table of contents: some ten thousand arrays
_HEADER = 2**14  # bytes of the longest header of an array
_AXES = 32
_CHUNK = 2**20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_KINDS = "biufcUS"  # numbers, truth values and text


class Header(NamedTuple):
    """What an archive announces of one array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    start: int  # bytes before the values

    @property
    def size(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


class _Refused(Exception):
    """What is wrong with an archive."""


class _File(FileIO):
    """A file that is never read whole, whatever a table of contents says."""

    def read(self, size: int | None = -1, /) -> bytes:
        rest = os.fstat(self.fileno()).st_size - self.tell()
        if (rest if size is None or size < 0 else min(size, rest)) > _DIRECTORY:
            raise _Refused(f"more than {format_bytes(_DIRECTORY)} of table of contents")
        return super().read(size) or b""


def read_npz(
    path: str | Path,
    needed: Iterable[str] | None = None,
    optional: Iterable[str] = (),
    refusal: Callable[[str], str] | None = None,
) -> dict[str, np.ndarray]:
    """Reads arrays of numbers or text out of an `.npz` file.

    Args:
      path: a regular file; others, such as named pipes, are not opened.
      needed: arrays that it has to hold; all that it holds are read if None.
      optional: arrays that are read where they are there; all others stay unread.
      refusal: what to say when the file is not readable, given the reason.

    Returns:
      Arrays by name, in the machine's byte order.

    Raises:
      InputError: no such file, no archive, damaged, encrypted, packed in another way
        than NumPy does, arrays missing or of Python objects or records, sizes that
        disagree, more than memory holds.
    """
    say = refusal or (lambda reason: f"{path} is not a readable .npz file ({reason})")
    try:
        return _read(Path(path), needed, optional)
    except _Refused as error:
        reason = error
    except MemoryError:
        reason = "not enough memory"
    except (
        Exception
    ) as error:  # zipfile, zlib and numpy raise anything on hostile bytes
        reason = error if str(error) else type(error).__name__
    raise InputError(say(plain_line(reason)))


def _read(
    path: Path, needed: Iterable[str] | None, optional: Iterable[str]
) -> dict[str, np.ndarray]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _Refused(error.strerror) from None
    if not stat.S_ISREG(mode):
        raise _Refused("a folder, device or named pipe, and no regular file")
    with _File(path) as file, _open(file) as archive:
        members = _members(archive)
        needed = list(members if needed is None else needed)
        if missing := [name for name in needed if name not in members]:
            raise _Refused(f"it lacks {', '.join(missing)}")
        wanted = [*needed, *(name for name in optional if name in members)]
        stored = path.stat().st_size
        if sum(members[name].compress_size for name in wanted) > stored:
            raise _Refused("arrays that end outside of the file, or overlap")
        headers = {name: _header(archive, members[name]) for name in wanted}
        if reason := excess(sum(h.size for h in headers.values()), stored):
            raise _Refused(reason)
        return {n: _values(archive, members[n], h) for n, h in headers.items()}


def _open(file: FileIO) -> zipfile.ZipFile:
    start = file.read(2)
    if start[:1] == b"\x80":
        raise _Refused("no archive but a pickle, which could run code")
    if not zipfile.is_zipfile(file):
        raise _Refused("no archive")
    return zipfile.ZipFile(file)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an archive by name, each once."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if info.filename.endswith("/data.pkl"):
            raise _Refused("saved by torch.save, as a pickle, which could run code")
        if name == info.filename:
            continue
        if name in members:
            raise _Refused(f"two arrays named {name}")
        members[name] = info
    return members


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    name = info.filename
    if info.flag_bits & 1:
        raise _Refused(f"{name} is encrypted")
    if info.compress_type not in _METHODS:
        raise _Refused(f"{name} is packed by method {info.compress_type}, not deflate")
    with archive.open(info) as member:
        start = BytesIO(member.read(_HEADER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = _READERS[npy.read_magic(start)]
            shape, fortran, dtype = read(start)
    except Exception as error:  # a header is untrusted Python text
        raise _Refused(f"{name} has no readable header: {error!r}") from None
    if dtype.hasobject:
        raise _Refused(f"{name}: Object arrays cannot be loaded: they could run code")
    if dtype.kind not in _KINDS or dtype.itemsize == 0:
        raise _Refused(f"{name} holds {dtype}; numbers or text are needed")
    if len(shape) > _AXES or not all(n >= 0 for n in shape):
        raise _Refused(f"{name} has the shape {shape}")
    header = Header(shape, dtype, fortran, start.tell())
    if header.start + header.size != info.file_size:
        raise _Refused(
            f"{name} announces {dtype} of shape {shape}, {format_bytes(header.size)}, "
            f"and has {format_bytes(max(info.file_size - header.start, 0))}"
        )
    return header


def _values(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header
) -> np.ndarray:
    flat = np.empty(header.size, np.uint8)
    at = 0
    with archive.open(info) as member:
        member.read(header.start)
        while chunk := member.read(
            _CHUNK
        ):  # to the end, where the checksum is compared
            flat[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
            at += len(chunk)
    if at != header.size:
        raise _Refused(f"{info.filename} ends early")
    order = "F" if header.fortran else "C"
    array = flat.view(header.dtype).reshape(header.shape, order=order)
    array = array.astype(header.dtype.newbyteorder("="), copy=False)
    if array.dtype.kind == "U" and array.size:
        if flat.view(header.dtype.byteorder + "u4").max() > 0x10FFFF:
            raise _Refused(f"{info.filename} holds text that is not Unicode")
    return array
