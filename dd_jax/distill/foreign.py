"""Sets made elsewhere: brought to our form where that is certain, refused elsewhere."""

import numpy as np

from dd_jax.types import InputError, SyntheticSet

NO_RATE = "no lr: trained on from train.lr of the run"
_GREY = "images had no axis of channels: one added"
_FIRST = "images had their channels first: moved last"
_BYTES = "images were bytes: divided by 255"
_TRUTH = "images were true or false: taken as 1 and 0"
_NUMBERS = "labels were class numbers: made one-hot"
WORDS = (_GREY, _FIRST, _BYTES, _TRUTH, _NUMBERS, NO_RATE)

_RATE = 0.01  # stands where a set has none; `NO_RATE` says that it is not used
_CHANNELS = (1, 3)
_WIDE = 50  # no learned image is that bright everywhere and dark nowhere


def ours(path: object, found: SyntheticSet) -> SyntheticSet:
    """A set as it was found, as images `f32[m h w c]` in [0, 1] with probabilities.

    What is certain is converted: bytes, channels first, class numbers, a missing step
    size. `metadata.converted` then lists what was done. Pixel values outside [0, 1] are
    taken as they are from a set that says that it has them, with `clamped` false in its
    metadata as ours have.

    Args:
      path: of the set, which an error message names.
      found: its arrays of any type, lr None where it has none; its metadata.

    Raises:
      InputError: another range or layout that could be meant in several ways, with what
        to do about it.
    """
    said = dict(found.metadata or {})
    free = said.get("clamped", "config" not in said) is False
    images, labels, lr = found.images, np.asarray(found.labels), found.lr
    words = [word for word in WORDS if word in _listed(said.pop("converted", None))]
    images = _pixels(path, _layout(path, np.asarray(images), words), free, words)
    if labels.shape in ((len(images),), (len(images), 1)):
        labels = _one_hot(path, labels.ravel(), said.get("class_names"))
        words.append(_NUMBERS)
    if lr is None:
        lr = _RATE
        words.append(NO_RATE)
    lr = np.asarray(lr)
    lr = lr.reshape(()) if lr.shape == (1,) else lr
    for name, array in (("labels", labels), ("lr", lr)):
        if array.dtype.kind not in "buif":
            raise InputError(f"{path}: {name} are {array.dtype}; numbers are needed")
    with np.errstate(all="ignore"):
        arrays = [np.float32(array) for array in (images, labels, lr)]
    done = {"converted": [w for w in WORDS if w in words]} if words else {}
    return SyntheticSet(*arrays, said | done)


def converted(synthetic: SyntheticSet) -> list[str]:
    """What `ours` did to a set, in words."""
    return _listed((synthetic.metadata or {}).get("converted"))


def _listed(value: object) -> list[str]:
    return [word for word in value if word in WORDS] if isinstance(value, list) else []


def _layout(path: object, images: np.ndarray, words: list[str]) -> np.ndarray:
    if images.ndim == 3:
        words.append(_GREY)
        return images[..., None]
    if images.ndim == 4:
        first, last = images.shape[1], images.shape[-1]
        if first in _CHANNELS and last not in _CHANNELS:
            words.append(_FIRST)
            return np.moveaxis(images, 1, -1)
    return images


def _pixels(
    path: object, images: np.ndarray, free: bool, words: list[str]
) -> np.ndarray:
    kind = images.dtype.kind
    if kind not in "buif":
        raise InputError(f"{path}: images are {images.dtype}; numbers are needed")
    if kind == "b":
        words.append(_TRUTH)
        return images
    if not images.size or not np.isfinite(images).all():
        return images
    low, high = float(images.min()), float(images.max())
    whole = kind in "ui" or bool((images == np.round(images)).all())
    if whole and low >= 0 and 2 <= high <= 255:
        words.append(_BYTES)
        return images / np.float32(255)
    if kind == "f" and (free or (low >= -1e-6 and high <= 1 + 1e-6)):
        if not (low >= -1 and high > _WIDE):
            return images
    raise InputError(
        f"{path}: images are {images.dtype} from {low:g} to {high:g}, and pixels in "
        f"[0, 1] are needed; {_advice(kind, low, high)}"
    )


def _advice(kind: str, low: float, high: float) -> str:
    if low >= 0 and high <= 1:
        return "store black and white as float32 0 and 1, or bytes divided by 255"
    if low >= 0 and high <= 255.5:
        scaled = "divide them by 255 if they are bytes"
    elif low >= -1.01 and high <= 1.01:
        scaled = "store (x + 1) / 2 if they are scaled to [-1, 1]"
    else:
        scaled = "store x * std + mean if they are normalised"
    if kind == "f" and high <= _WIDE:
        scaled += ", or give metadata.clamped=false if they are meant to leave [0, 1]"
    return scaled


def _one_hot(path: object, numbers: np.ndarray, names: object) -> np.ndarray:
    """Class numbers as probabilities, where it is known how many classes there are."""
    if numbers.dtype.kind not in "uif" or not (numbers == np.round(numbers)).all():
        raise InputError(
            f"{path}: one number of type {numbers.dtype} a label; class numbers or "
            "probabilities [m k] are needed"
        )
    present = np.unique(numbers)
    classes = len(names) if isinstance(names, list) else len(present)
    known = isinstance(names, list) or np.array_equal(present, np.arange(classes))
    if not known or present[0] < 0 or present[-1] >= classes or classes < 2:
        raise InputError(
            f"{path}: labels are class numbers from {present[0]:g} to {present[-1]:g}; "
            f"all of 0, 1, ... {classes - 1} are needed, or metadata.class_names that "
            "names them from 0, or probabilities [m k]"
        )
    return np.eye(classes, dtype=np.float32)[numbers.astype(int)]
