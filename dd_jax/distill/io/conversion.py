"""Sets made elsewhere: converted to the form of this package, or refused."""

import numpy as np

from dd_jax.types import InputError, SyntheticSet

NO_RATE = "no lr: trained on from train.lr of the run"
_GREY = "images had no axis of channels: one added"
_FIRST = "images had their channels first: moved last"
_BYTES = "images were bytes: divided by 255"
_TRUTH = "images were true or false: taken as 1 and 0"
_NUMBERS = "labels were class numbers: made one-hot"
WORDS = (_GREY, _FIRST, _BYTES, _TRUTH, _NUMBERS, NO_RATE)

_RATE = 0.01  # placeholder of a set that has none; `NO_RATE` marks it as unused
_CHANNELS = (1, 3)
_ROUNDING = 1e-6
_WIDE = 50  # no learned images are that bright somewhere and below -1 nowhere


def shaped(path: object, found: SyntheticSet) -> SyntheticSet:
    """A set as found, with images `[m h w c]`, labels `[m k]` and a learning rate.

    What is certain is converted: images without an axis of channels or with channels
    first, class numbers, a missing learning rate. `metadata.converted` lists what was
    done.

    Args:
      path: of the set, which an error message names.
      found: its arrays of any type, lr None where it has none; its metadata.

    Raises:
      InputError: no numbers, or class numbers of an unknown number of classes.
    """
    images, labels = np.atleast_1d(found.images), np.asarray(found.labels)
    lr = np.asarray(_RATE if found.lr is None else found.lr)
    views = lr if found.views is None else found.views
    named = {"images": images, "labels": labels, "lr": lr, "views": views}
    for name, array in named.items():
        if array.dtype.kind not in "buif":
            raise InputError(f"{path}: {name} are {array.dtype}; numbers are needed")
    metadata = dict(found.metadata or {})
    words = _listed(metadata.pop("converted", None))
    if found.lr is None:
        words.append(NO_RATE)
    if images.ndim == 3:
        images = images[..., None]
        words.append(_GREY)
    elif images.ndim == 4 and _has_channels_first(images.shape):
        images = np.moveaxis(images, 1, -1)
        words.append(_FIRST)
    if labels.size and labels.shape in ((len(images),), (len(images), 1)):
        labels = _one_hot(path, labels.ravel(), metadata.get("class_names"))
        words.append(_NUMBERS)
    lr = lr.reshape(()) if lr.shape == (1,) else lr
    made = found._replace(images=images, labels=_f32(labels), lr=_f32(lr))
    return _with(words, made._replace(metadata=metadata))


def scaled(path: object, found: SyntheticSet) -> SyntheticSet:
    """A shaped set with its pixels as `f32` in [0, 1].

    Bytes are divided by 255. Values outside [0, 1] are taken as they are from a set
    that says that it has them, with `clamped` false in its metadata as ours have.

    Raises:
      InputError: another range, with what to do about it.
    """
    images, metadata = found.images, found.metadata or {}
    kind, words = images.dtype.kind, converted(found)
    low, high = float(images.min()), float(images.max())
    whole = kind in "ui" or (kind == "f" and bool((images == np.round(images)).all()))
    narrow = images.dtype == np.uint8  # the type says that they are bytes
    if kind == "b":
        images = _f32(images)
        words.append(_TRUTH)
    elif whole and low >= 0 and (2 if narrow else _WIDE) <= high <= 255:
        images = images / np.float32(255)
        words.append(_BYTES)
    elif not _are_pixels(kind, low, high, _leaves(metadata)):
        raise InputError(
            f"{path}: images are {images.dtype} from {low:g} to {high:g}, and pixels "
            f"in [0, 1] are needed; {_advice(kind, low, high)}"
        )
    return _with(words, found._replace(images=_f32(images)))


def converted(synthetic: SyntheticSet) -> list[str]:
    """What was converted in a set, a line each."""
    return _listed((synthetic.metadata or {}).get("converted"))


def _listed(value: object) -> list[str]:
    return [word for word in value if word in WORDS] if isinstance(value, list) else []


def _with(words: list[str], made: SyntheticSet) -> SyntheticSet:
    """With what was done in `metadata.converted`, in the order of WORDS."""
    done = {"converted": [w for w in WORDS if w in words]} if words else {}
    return made._replace(metadata=(made.metadata or {}) | done)


def _f32(array: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):  # what overflows is seen to be infinite
        return np.float32(array)


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether axis 1 can be channels and the last one cannot.

    >>> _has_channels_first((9, 3, 32, 32)), _has_channels_first((9, 3, 3, 3))
    (True, False)
    """
    return shape[1] in _CHANNELS and shape[-1] not in _CHANNELS


def _leaves(metadata: dict) -> bool:
    """Whether a set says that its pixels leave [0, 1]; sets of ours always say it."""
    return metadata.get("clamped", "config" not in metadata) is False


def _are_pixels(kind: str, low: float, high: float, leaves: bool) -> bool:
    inside = low >= -_ROUNDING and high <= 1 + _ROUNDING
    bright = low >= -1 and high > _WIDE
    return kind == "f" and (inside or (leaves and not bright))


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
