"""Reads what `torch.save` wrote, without PyTorch and without executing anything.

The file is a ZIP archive: the values of each tensor as they are in memory, and a pickle
that says which object is made of which. The pickle is read here as a list of
instructions, of which only those that make plain values and tensors are followed. No
class or function that it names is imported or called.
"""

import math
import pickletools
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dd_jax.system.memory import excess, format_bytes
from dd_jax.system.paths import no_file
from dd_jax.types import InputError

_LONGEST = 2**20  # bytes of the pickle; that of a set has some hundred
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
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE")
_VALUES += ("SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES")
_FIXED: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Refused(Exception):
    """What is wrong with a file."""


class _Storage(NamedTuple):
    """The type of the values that tensors share, such as `torch.FloatStorage`."""

    dtype: str


class _Made(NamedTuple):
    """A function of PyTorch by its name, and what stands in its place here."""

    name: str
    make: Callable[..., Any]


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
    except _Refused as error:
        reason = str(error)
    except (
        Exception
    ) as error:  # of hostile bytes zipfile and pickletools raise anything
        reason = f"damaged: {error or type(error).__name__}"
    line = "".join(c if c.isprintable() else "?" for c in " ".join(reason.split()))
    raise InputError(f"{path} is no file of tensors of torch.save ({line[:200]})")


def _read(path: Path) -> Any:
    size = path.stat().st_size
    if reason := excess(2 * size, size):
        raise _Refused(reason)
    content = path.read_bytes()
    if content[:1] == b"\x80":
        raise _Refused(
            "a bare pickle, as before PyTorch 1.6; save it again with a later one"
        )
    if not zipfile.is_zipfile(BytesIO(content)):
        raise _Refused("no archive")
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        roots = [n[: -len("data.pkl")] for n in members if n.endswith("/data.pkl")]
        if len(roots) != 1 or len(members) != len(archive.infolist()):
            raise _Refused(f"{len(roots)} parts data.pkl, or one part twice")

        def part(name: str) -> bytes:
            info = members.get(roots[0] + name)
            if info is None:
                raise _Refused(f"it lacks {name}")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise _Refused(f"{name} is packed or encrypted")
            if info.file_size > size:
                raise _Refused(f"{name} announces {format_bytes(info.file_size)}")
            return archive.read(info)

        order = "<"
        if f"{roots[0]}byteorder" in members and part("byteorder") == b"big":
            order = ">"
        return _follow(part("data.pkl"), part, order)


def _follow(content: bytes, part: Callable[[str], bytes], order: str) -> Any:
    """The object that a pickle describes; `part` gives the values of its tensors."""
    if len(content) > _LONGEST:
        raise _Refused(f"a pickle of {format_bytes(len(content))}")
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = marks.pop()
        found = stack[at:]
        del stack[at:]
        return found

    for code, value, _ in pickletools.genops(content):
        name = code.name
        if name in _VALUES:
            stack.append(value)
        elif name in _FIXED:
            stack.append(_FIXED[name]())
        elif name in _TUPLES:
            count = _TUPLES[name]
            stack[-count:] = [_tuple(stack[-count:], count)]
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[int(str(value))] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(str(value))])
        elif name == "APPEND":
            item = stack.pop()
            _open(stack, list).append(item)
        elif name == "APPENDS":
            items = since_mark()
            _open(stack, list).extend(items)
        elif name == "SETITEM":
            pair = stack[-2:]
            del stack[-2:]
            _set(stack, pair)
        elif name == "SETITEMS":
            _set(stack, since_mark())
        elif name == "GLOBAL":
            stack.append(_named(str(value)))
        elif name == "BINPERSID":
            stack.append(_values(stack.pop(), part, order))
        elif name == "REDUCE":
            given = stack.pop()
            stack.append(_call(stack.pop(), given))
        elif name == "BUILD":  # the state of what is read as None
            stack.pop()
            if stack[-1] is not None:
                raise _Refused("a pickle that sets the state of an object")
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise _Refused(f"a pickle with {name}")
    (found,) = stack
    return found


def _tuple(items: list[Any], count: int) -> tuple:
    if len(items) != count:
        raise _Refused("a pickle with too few values")
    return tuple(items)


def _open(stack: list[Any], kind: type) -> Any:
    if type(stack[-1]) is not kind:
        raise _Refused(f"a pickle that adds to a {type(stack[-1]).__name__}")
    return stack[-1]


def _set(stack: list[Any], pairs: list[Any]) -> None:
    target = _open(stack, dict)
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if not isinstance(key, str | int):
            raise _Refused(f"a dict with {type(key).__name__} as a key")
        target[key] = value


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
        raise _Refused(f"it names {room}.{own}, which is neither tensor nor storage")
    return _Made(name, _MAKERS[name])


def _call(function: Any, given: Any) -> Any:
    if not isinstance(function, _Made) or not isinstance(given, tuple):
        raise _Refused("a pickle that calls what is no function of tensors")
    return function.make(*given)


def _values(identity: Any, part: Callable[[str], bytes], order: str) -> np.ndarray:
    """The values that tensors share, by `("storage", type, name, device, count)`."""
    kind, storage, name, _, count = identity
    known = kind == "storage" and isinstance(storage, _Storage)
    if not known or not isinstance(name, str) or type(count) is not int:
        raise _Refused("values of another form than torch.save gives them")
    dtype = np.dtype(storage.dtype)
    content = part(f"data/{name}")
    if len(content) != count * dtype.itemsize:
        raise _Refused(
            f"data/{name} announces {count} values and has {format_bytes(len(content))}"
        )
    return np.frombuffer(content, dtype.newbyteorder(order)).astype(dtype)


def _tensor(values: Any, offset: int, size: tuple, stride: tuple, *_: Any) -> Any:
    """A tensor out of shared values: element i is at `offset + sum_k i_k stride_k`."""
    numbers = (offset, *size, *stride)
    whole = all(type(n) is int and n >= 0 for n in numbers)
    if not isinstance(values, np.ndarray) or not whole or len(size) != len(stride):
        raise _Refused("a tensor of another form than torch.save gives it")
    count = math.prod(size)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride))
    if count and (last >= len(values) or count > len(values)):
        raise _Refused(f"a tensor {size} that ends outside of its values")
    if not count:
        return np.zeros(size, values.dtype)
    steps = [step * values.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(values[offset:], size, steps).copy()


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
