"""Reads what `torch.save` wrote, without PyTorch and without executing anything.

The file is a ZIP archive: the values of each tensor as they are in memory, and a pickle
that says which object is made of which, of which only tensors and plain values are read
(`inert_pickle`).
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dd_jax.distill.io.inert_pickle import Refused, Stand, follow
from dd_jax.distill.io.torch_archive import TorchArchive
from dd_jax.system.memory import excess
from dd_jax.system.one_line import plain_line
from dd_jax.system.paths import no_file
from dd_jax.types import InputError

_DTYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}


class _Storage(NamedTuple):
    """The type of the values that tensors share, such as `torch.FloatStorage`."""

    dtype: str


def read_pt(path: str | Path) -> Any:
    """Reads tensors, and lists, tuples and dicts of them, from a file of PyTorch.

    Numbers of NumPy, as lists of accuracies hold them, are read as None.

    Args:
      path: a file that `torch.save` of PyTorch 1.6 or later wrote.

    Returns:
      What was saved, tensors as arrays.

    Raises:
      InputError: no such file, no such archive, damaged, or a pickle that names
        anything else than tensors and plain values.
    """
    if why := no_file(path):
        raise InputError(f"{path}: {why}; give a file that torch.save wrote")
    try:
        return _read(Path(path))
    except Refused as error:
        reason = str(error)
    except Exception as error:  # hostile bytes make libraries raise anything
        reason = f"damaged: {error or type(error).__name__}"
    raise InputError(
        f"{path} is no file of tensors of torch.save ({plain_line(reason)})"
    )


def _read(path: Path) -> Any:
    size = path.stat().st_size
    if reason := excess(2 * size, size):
        raise Refused(reason)
    archive = TorchArchive(path.read_bytes())
    return follow(
        archive.part("data.pkl"),
        _named,
        lambda identity: archive.values(*_place(identity)),
    )


def _named(name: str) -> Any:
    """What stands for a class or function that a pickle names.

    >>> _named("torch FloatStorage")
    _Storage(dtype='f4')
    """
    room, _, own = name.partition(" ")
    storage = own.removesuffix("Storage")
    if room == "torch" and storage != own and storage in _DTYPES:
        return _Storage(_DTYPES[storage])
    if name not in _MAKERS:
        raise Refused(f"it names {room}.{own}, which is neither tensor nor storage")
    return Stand(_MAKERS[name])


def _place(identity: Any) -> tuple[str, str, int]:
    """Name, type and number of shared values, `("storage", type, name, device, n)`."""
    kind, storage, name, _, count = identity
    known = kind == "storage" and isinstance(storage, _Storage)
    if not known or not isinstance(name, str) or type(count) is not int:
        raise Refused("values of another form than torch.save gives them")
    return name, storage.dtype, count


def _tensor(values: Any, offset: int, size: tuple, stride: tuple, *_: Any) -> Any:
    """A tensor out of shared values: element i is at `offset + sum_k i_k stride_k`.

    Values are in a row in memory: a tensor with strides of its own, which ends before
    its number of elements, is none.
    """
    numbers = (offset, *size, *stride)
    whole = all(type(n) is int and n >= 0 for n in numbers) and len(size) == len(stride)
    in_a_row = isinstance(values, np.ndarray) and values.flags.c_contiguous
    if not whole or not in_a_row or values.ndim != 1:
        raise Refused("a tensor of another form than torch.save gives it")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if count and (last >= len(values) or count > len(values)):
        raise Refused(f"a tensor {size} that ends outside of its values")
    if not count:
        return np.zeros(size, values.dtype)
    steps = [step * values.itemsize for step in stride]
    strided = np.lib.stride_tricks.as_strided
    return strided(values[offset:], size, steps, writeable=False)


_MAKERS: dict[str, Callable[..., Any]] = {
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
    "collections OrderedDict": lambda *_: {},
    **dict.fromkeys(
        (  # numbers of NumPy
            "numpy.core.multiarray scalar",
            "numpy._core.multiarray scalar",
            "numpy dtype",
            "_codecs encode",
        ),
        lambda *_: None,
    ),
}
