"""A single .npz file of arrays."""

import numpy as np

from dd_jax.data.labels import decode_name
from dd_jax.data.raw import Raw
from dd_jax.system.archive import read_npz
from dd_jax.system.paths import expanded, no_file
from dd_jax.types import InputError, Split

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_OPTIONAL = ("group_train", "group_test", "class_names")


def read(place: str) -> Raw:
    """Reads a data set from one .npz file; nothing in it is unpickled.

    Args:
      place: the file, with `x_train`, `x_test` (`[n h w]` or `[n h w c]`; uint8, or in
        [0, 1]), `y_train`, `y_test` (`[n]`, integers) and, where wanted,
        `group_train`, `group_test` (`[n]`, integers) and `class_names` (strings).

    Raises:
      InputError: the file is missing or corrupt, or an array is missing.
    """
    path = expanded(place)
    if why := no_file(path):
        raise InputError(f"npz: {path}: {why}; it should hold {', '.join(_REQUIRED)}")
    a = read_npz(
        path,
        (),
        _REQUIRED + _OPTIONAL,
        lambda reason: (
            f"{path} is not a readable .npz file ({reason}); "
            "write it with numpy.savez from plain arrays"
        ),
    )
    if missing := [name for name in _REQUIRED if name not in a]:
        raise InputError(
            f"{path} has no array {missing[0]}; it should hold {', '.join(_REQUIRED)}"
        )
    names = (
        tuple(decode_name(name, str(path)) for name in np.ravel(a["class_names"]))
        if "class_names" in a
        else None
    )
    return Raw(
        Split(a["x_train"], a["y_train"], a.get("group_train")),
        Split(a["x_test"], a["y_test"], a.get("group_test")),
        names,
    )
