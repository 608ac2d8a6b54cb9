"""The ZIP archive that `torch.save` writes: a pickle beside the values of tensors."""

import zipfile
from io import BytesIO

import numpy as np

from dd_jax.distill.io.inert_pickle import Refused
from dd_jax.system.memory import format_bytes


class TorchArchive:
    """Parts of an archive of `torch.save`.

    Args:
      content: bytes of the file.

    Raises:
      Refused: a bare pickle, no archive, or one without a single part data.pkl.
    """

    def __init__(self, content: bytes):
        if content[:1] == b"\x80":
            raise Refused(
                "a bare pickle, as before PyTorch 1.6; save it again with a later one"
            )
        if not zipfile.is_zipfile(BytesIO(content)):
            raise Refused("no archive")
        self._archive = zipfile.ZipFile(BytesIO(content))
        infos = self._archive.infolist()
        self._members = {info.filename: info for info in infos}
        roots = [
            name.removesuffix("data.pkl")
            for name in self._members
            if name.endswith("/data.pkl")
        ]
        if len(roots) != 1 or len(self._members) != len(infos):
            raise Refused(f"{len(roots)} parts data.pkl, or one part twice")
        self._root = roots[0]
        self._size = len(content)
        big = self._has("byteorder") and self.part("byteorder") == b"big"
        self._order = ">" if big else "<"
        self._kept: dict[tuple[str, str, int], np.ndarray] = {}  # tensors share values

    def _has(self, name: str) -> bool:
        return self._root + name in self._members

    def part(self, name: str) -> bytes:
        """Bytes of a part.

        Raises:
          Refused: none of this name, one that is packed or encrypted, or a size beyond
            the file's.
        """
        if not self._has(name):
            raise Refused(f"it lacks {name}")
        info = self._members[self._root + name]
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
            raise Refused(f"{name} is packed or encrypted")
        if info.file_size > self._size:
            raise Refused(f"{name} announces {format_bytes(info.file_size)}")
        return self._archive.read(info)

    def values(self, name: str, kind: str, count: int) -> np.ndarray:
        """The values that tensors share, read once.

        Args:
          name: of the part in the folder data.
          kind: type of NumPy without its byte order, such as "f4".
          count: how many there are.

        Raises:
          Refused: a part of another size.
        """
        key = (name, kind, count)
        if key not in self._kept:
            dtype, content = np.dtype(kind), self.part(f"data/{name}")
            if len(content) != count * dtype.itemsize:
                size = format_bytes(len(content))
                raise Refused(f"data/{name} announces {count} values and has {size}")
            values = np.frombuffer(content, dtype.newbyteorder(self._order))
            self._kept[key] = values.astype(dtype, copy=False)
        return self._kept[key]
