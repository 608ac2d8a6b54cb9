"""Files as `torch.save` writes them, made without PyTorch."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np

TYPES = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "u1": "Byte"}


class Tensor:
    """What is saved as a tensor with these values."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __reduce__(self):
        array = self.array
        stride = tuple(s // array.itemsize for s in array.strides)
        own = self, 0, array.shape, stride, False, OrderedDict()
        return sys.modules["torch._utils"]._rebuild_tensor_v2, _with_storage(own)


class _Storage:
    def __init__(self, array):
        self.array = array


def _with_storage(own):
    return _Storage(own[0].array), *own[1:]


def _torch():
    """Modules with the names that PyTorch pickles."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in TYPES.values():
        kind = type(f"{name}Storage", (), {"__module__": "torch"})
        setattr(torch, kind.__name__, kind)
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(utils, name, function)
    return {"torch": torch, "torch._utils": utils}


def saved(value, patch, **members):
    """The bytes of a file that holds a value, `Tensor`s in it.

    Args:
      value: of lists, tuples, dicts, numbers of NumPy and tensors.
      patch: pytest's monkeypatch.
      members: parts to replace, by name.
    """
    storages, target = [], io.BytesIO()
    modules = _torch()
    with patch.context() as here:
        for name, module in modules.items():
            here.setitem(sys.modules, name, module)

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj):
                if not isinstance(obj, _Storage):
                    return None
                known = [i for i, a in enumerate(storages) if a is obj.array]
                if not known:
                    storages.append(obj.array)
                key = str(known[0] if known else len(storages) - 1)
                name = f"{TYPES[obj.array.dtype.str[1:]]}Storage"
                kind = getattr(modules["torch"], name)
                return "storage", kind, key, "cpu", obj.array.size

        Pickler(target, protocol=2).dump(value)
    parts = {"data.pkl": target.getvalue(), "byteorder": b"little", "version": b"3\n"}
    parts |= {f"data/{i}": s.ravel("K").tobytes() for i, s in enumerate(storages)}
    return archive(parts | {n.replace("__", "/"): v for n, v in members.items()})


def archive(parts):
    """An archive of the parts of such a file, those of None left out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in parts.items():
            if content is not None:
                file.writestr(f"archive/{name}", content)
    return buffer.getvalue()
