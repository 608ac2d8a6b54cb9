"""Sets as the original repositories save them, by `torch.save`.

- DC, DSA, DM: `res_METHOD_DATA_MODEL_Nipc.pt`, `{"data": [[images, labels], ...]}` with
  a set an experiment, of which the last is taken; normalised pixels.
- MTT: `images_best.pt` and `labels_best.pt`; normalised pixels, or ZCA-whitened ones,
  which cannot be turned back without the whitening that the repository does not save.
  DATM: the same, its labels logits.
- IDC: `data.pt`, `[images, labels]`; pixels in [0, 1] but for the last update, `factor`
  x `factor` in each stored image.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from dd_jax.distill.io import conversion
from dd_jax.distill.io.torch_file import read_pt
from dd_jax.distill.parametrisation.multi_formation import split_tiles
from dd_jax.types import InputError, SyntheticSet

_CIFAR = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
_OWN_CIFAR100 = (0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762)
STATISTICS = {  # mean and standard deviation of pixels that the repositories divide by
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2861,), (0.3530,)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,  # of MTT; DC, DSA and DM have their own
    "tiny_imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
_CLASSES = dict.fromkeys(STATISTICS, 10) | {"cifar100": 100, "tiny_imagenet": 200}
_SIDES = dict.fromkeys(STATISTICS, 32) | {"mnist": 28, "fashion_mnist": 28}
_SIDES |= {"tiny_imagenet": 64}
SAVED_AS = {  # which form of file a method's repository writes, of `_kind`
    **dict.fromkeys(("dc", "dsa", "dm"), "dc"),
    "mtt": "mtt",
    **dict.fromkeys(("idc_i", "idc", "dance", "ncfm"), "idc"),
}
_NAME = re.compile("res_(dc|dsa|dm)_([a-z0-9]+)_", re.IGNORECASE)
_LEFT = 0.5  # how far one update takes pixels of IDC out of [0, 1] at most


def read_released(
    path: str | Path,
    data: str,
    labels: str | Path | None = None,
    *,
    logits: bool = False,
    factor: int | None = None,
    lr: float | None = None,
    method: str = "",
) -> SyntheticSet:
    """Reads a set that DC, DSA, DM, MTT or IDC released.

    Args:
      path: its file; which repository wrote it follows from what it holds.
      data: the data set by whose statistics pixels were normalised, of `STATISTICS`.
      labels: the file of labels, of MTT.
      logits: whether that holds logits, as of DATM; their softmax is taken.
      factor: tiles along each side of a stored image, of IDC, whose file does not say
        it: 1 for IDC-I.
      lr: the learning rate to train with, where one was learned.
      method: the name to record as the method; default: that in the file's name, if
        the repository of DC, DSA and DM gave it.

    Returns:
      The set in pixel space.

    Raises:
      InputError: a file that holds something else, or arguments that do not fit it.
    """
    found = read_pt(path)
    kind = _kind(path, found)
    if (labels is not None) != (kind == "mtt"):
        needed = "needs its labels_best.pt" if kind == "mtt" else "has its labels in it"
        raise InputError(f"{path} {needed}; see --labels")
    named = _NAME.match(Path(path).name) if kind == "dc" else None
    method = method or (named[1].lower() if named else "")
    _check_kind(path, kind, data, factor, method)
    if named:
        _check_name(path, named, data, method)
    if kind == "dc":
        pair = found["data"][-1]
    else:
        pair = found if kind == "idc" else (found, read_pt(labels or ""))
    images, classes = _checked(path, pair, data)
    if kind == "idc" and factor is None:
        raise InputError(
            f"{path}: does not say how many tiles an image has; give --factor=1 for "
            "IDC-I, or --factor=2 for IDC, DANCE and NCFM as released"
        )
    mean, std = (_of(data, kind, which, images) for which in (0, 1))
    if kind != "idc":
        if images.min(initial=0.0) >= 0:
            raise InputError(
                f"{path}: no pixel is below 0, and those that {kind.upper()} saves are "
                "normalised"
            )
        images = images * std + mean
    elif (off := np.abs(images - 0.5).max(initial=0.0) - 0.5) > _LEFT:
        raise InputError(
            f"{path}: pixels leave [0, 1] by {off:.3g}, and those of IDC, as it saves "
            "them, do not"
        )
    if logits:
        classes = _softmax(path, classes)
    _check_classes(data, classes)
    images, stored = np.moveaxis(images, 1, -1), len(images)
    if factor and factor > 1:
        if any(side % factor for side in images.shape[1:3]):
            raise InputError(
                f"--factor={factor}: does not divide the sides of {images.shape[1:3]}"
            )
        images = np.asarray(split_tiles(images, factor))
        classes = np.repeat(classes, factor**2, 0)
    metadata = {
        "clamped": bool(((images >= 0) & (images <= 1)).all()),
        "stored_images": stored,
        "config": {"distill": {"method": method} if method else {}},
    }
    rate = None if lr is None else _rate(lr)
    return conversion.shaped(path, SyntheticSet(images, classes, rate, metadata))


def _rate(lr: float) -> np.float32:
    if not 0 < lr <= float(np.finfo(np.float32).max):
        raise InputError(f"--lr={lr:g}: a finite number above 0 is needed")
    return np.float32(lr)


def _kind(path: object, found: Any) -> str:
    """Which repository saves something of this form."""
    if isinstance(found, np.ndarray):
        return "mtt"
    if isinstance(found, dict) and isinstance(found.get("data"), list):
        if found["data"]:
            return "dc"
    if isinstance(found, list | tuple) and len(found) == 2:
        return "idc"
    raise InputError(
        f"{path} holds a {type(found).__name__}, and none of what DC, DSA, DM, MTT or "
        'IDC save: {"data": [[images, labels], ...]}, images, or [images, labels]'
    )


def _check_kind(
    path: object, kind: str, data: str, factor: int | None, method: str
) -> None:
    """Refuses what does not go with the form of a file."""
    if factor is not None and kind != "idc":
        raise InputError(f"--factor={factor}: {path} is no file of IDC; leave it out")
    if SAVED_AS.get(method, kind) != kind:
        raise InputError(f"--method={method}: {path} is no file of it, but of {kind}")


def _check_name(path: object, named: re.Match, data: str, method: str) -> None:
    """Refuses what does not go with the name that DC, DSA and DM give a file."""
    if (named[1].lower(), named[2].lower()) != (method.lower(), data.replace("_", "")):
        raise InputError(
            f"{path}: is of {named[1]} and {named[2]} by its name; give these as "
            "--method and --data, or rename it"
        )


def _softmax(path: object, logits: np.ndarray) -> np.ndarray:
    real = logits.ndim == 2 and logits.dtype.kind == "f" and logits.shape[1] > 0
    if not real or not np.isfinite(logits).all():
        raise InputError(f"--logits: the labels of {path} are no logits [m k]")
    if (logits >= 0).all() and np.allclose(logits.sum(1), 1, atol=1e-3):
        raise InputError(f"--logits: the labels of {path} are probabilities already")
    powers = np.exp(logits.astype(np.float32) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _checked(path: object, pair: Any, data: str) -> tuple[np.ndarray, np.ndarray]:
    arrays = isinstance(pair, list | tuple) and len(pair) == 2
    if not arrays or not all(isinstance(part, np.ndarray) for part in pair):
        raise InputError(f"{path}: a set should be two tensors, images and labels")
    images, labels = pair
    fits = images.ndim == 4 and images.dtype.kind == "f" and labels.ndim in (1, 2)
    if not fits or images.shape[1] not in (1, 3) or len(images) != len(labels):
        raise InputError(
            f"{path}: images {images.dtype} {images.shape} and labels {labels.shape} "
            "should be real numbers [m c h w] of 1 or 3 channels, and [m] or [m k]"
        )
    if images.shape[2:] != (side := _SIDES[data],) * 2:
        raise InputError(
            f"--data={data}: has images of {side}x{side}, and the set of "
            f"{'x'.join(map(str, images.shape[2:]))}"
        )
    return images.astype(np.float32), labels


def _check_classes(data: str, labels: np.ndarray) -> None:
    if labels.ndim == 1 and not np.isfinite(labels).all():
        return  # refused where they are made one-hot
    classes = labels.shape[1] if labels.ndim > 1 else int(labels.max(initial=0)) + 1
    if classes != (own := _CLASSES[data]):
        raise InputError(f"--data={data}: has {own} classes, and the set {classes}")


def _of(data: str, kind: str, which: int, images: np.ndarray) -> np.ndarray:
    """Mean (0) or standard deviation (1) of each channel, `f32[c 1 1]`."""
    own = kind == "dc" and data == "cifar100"
    values = (_OWN_CIFAR100 if own else STATISTICS[data])[which]
    if len(values) != images.shape[1]:
        raise InputError(
            f"--data={data}: has {len(values)} channels, and the images have "
            f"{images.shape[1]}"
        )
    return np.float32(values)[:, None, None]
