"""Every check that a data set passes before anything is computed from it."""

from collections import Counter

import numpy as np

from dd_jax.types import Dataset, InputError, Split

_CHANNELS = (1, 2, 3, 4)  # grey, grey and alpha, RGB, RGB and alpha
_ROUNDING = 1e-6  # what resizing in floats leaves [0, 1] by


def checked_split(split: Split, where: str) -> Split:
    """Brings one split to `u8[n h w c]`, `i32[n]`, `i32[n]` or refuses it.

    Floats in [0, 1] become `round(255 x)`; `[n h w]` becomes one channel.

    Args:
      split: arrays as a source found them.
      where: source and split, which an error message names.

    Returns:
      The same rows in the types and shapes of `dd_jax.types.Split`.

    Raises:
      InputError: empty, wrong rank or type, NaN or out-of-range pixels, labels or
        groups that are not whole non-negative numbers or not one per image.
    """
    images = _pixels(np.asarray(split.images), where)
    labels = _whole_numbers(np.asarray(split.labels), "labels", images, where)
    groups = split.groups
    if groups is not None:
        groups = _whole_numbers(np.asarray(groups), "groups", images, where)
    return Split(images, labels, groups)


def check_classes(
    train: Split, test: Split, class_names: tuple[str, ...], where: str
) -> None:
    """Refuses splits that do not make one classification problem.

    Args:
      train: a checked split.
      test: a checked split.
      class_names: one name for each label 0, 1, ...
      where: the source, which an error message names.

    Raises:
      InputError: fewer than two classes, two of one name, a class without training
        or test images, image shapes that differ, groups in one split only.
    """
    if len(class_names) < 2:
        raise InputError(
            f"{where} has one class only, {class_names[0]!r}; at least 2 are needed"
        )
    if twice := [name for name, count in Counter(class_names).items() if count > 1]:
        raise InputError(f"{where} names two classes {twice[0]!r}; give each its own")
    in_train = np.bincount(train.labels, minlength=len(class_names))
    in_test = np.bincount(test.labels, minlength=len(class_names))
    unseen = np.flatnonzero(in_train == 0)
    if unseen.size:
        raise InputError(
            f"class {class_names[unseen[0]]!r} of {where} is absent in train; give "
            "train images of it, or leave it out of test"
        )
    absent = np.flatnonzero(in_test == 0)
    if absent.size:
        raise InputError(
            f"class {class_names[absent[0]]!r} of {where} is absent in test; "
            "every training class needs test images"
        )
    if train.images.shape[1:] != test.images.shape[1:]:
        raise InputError(
            f"{where} has training images of shape {train.images.shape[1:]} but test "
            f"images of shape {test.images.shape[1:]}; they must be alike"
        )
    if (train.groups is None) != (test.groups is None):
        raise InputError(
            f"{where} has groups in one of train and test only; give both or neither"
        )


def require_per_class(dataset: Dataset, count: int) -> None:
    """Refuses a data set that has fewer training images of a class than needed.

    Args:
      dataset: as `load` gives it.
      count: images per class that something asks for.

    Raises:
      InputError: names the first class that has fewer.
    """
    found = np.bincount(dataset.train.labels, minlength=len(dataset.class_names))
    for name, have in zip(dataset.class_names, found):
        if have < count:
            raise InputError(
                f"class {name!r} of {dataset.name} has {have} training images, {count} "
                f"needed; at most {found.min()} per class are possible"
            )


def channels_first(shape: tuple[int, ...]) -> bool:
    """Whether a shape of rank 4 can be `[n c h w]` but not `[n h w c]`.

    It does where the last axis is no usual number of channels, and either the second
    is one or the last two are a square; not where the middle two are a square.

    >>> [channels_first((9, *s)) for s in [(3, 32, 32), (13, 8, 8), (8, 8, 13)]]
    [True, True, False]
    """
    if len(shape) != 4:
        return False
    _, a, b, c = shape
    return c not in _CHANNELS and a != b and (a in _CHANNELS or b == c)


def _pixels(images: np.ndarray, where: str) -> np.ndarray:
    if images.ndim not in (3, 4):
        raise InputError(
            f"{where} images have shape {images.shape}; [n h w] or [n h w c] is needed"
        )
    if images.size == 0:
        raise InputError(f"{where} is empty, with images of shape {images.shape}")
    if channels_first(images.shape):
        raise InputError(
            f"{where} images have shape {images.shape}, which suggests channels "
            "first; [n h w c] is needed: x.transpose(0, 2, 3, 1)"
        )
    if np.issubdtype(images.dtype, np.floating):
        low, high = float(images.min()), float(images.max())
        if np.isnan(low):
            row = int(np.isnan(images.reshape(len(images), -1)).any(1).argmax())
            raise InputError(f"{where} image {row} holds NaN pixels; remove or mend it")
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            raise InputError(
                f"{where} float pixels range from {low:g} to {high:g}; "
                "scale them to [0, 1], or give uint8"
            )
        images = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    elif images.dtype == np.uint8 and images.max() == 1:
        raise InputError(
            f"{where} uint8 pixels are 0 and 1 alone, of 255; give 255 x, or x as float"
        )
    if images.dtype != np.uint8:
        raise InputError(
            f"{where} pixels are {images.dtype}; uint8, or float in [0, 1], is needed"
        )
    return np.ascontiguousarray(images[..., None] if images.ndim == 3 else images)


def _whole_numbers(
    values: np.ndarray, what: str, images: np.ndarray, where: str
) -> np.ndarray:
    if values.ndim != 1:
        raise InputError(
            f"{where} {what} have shape {values.shape}; one whole number per image "
            "is needed"
        )
    if len(values) != len(images):
        last = images.shape[3] == len(values) > max(_CHANNELS)
        hint = "; of [h w c n] give x.transpose(3, 0, 1, 2)" if last else ""
        raise InputError(
            f"{where} has {len(images)} images but {len(values)} {what}; "
            f"one per image is needed{hint}"
        )
    if not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"{where} {what} are {values.dtype}; integers are needed")
    if values.min() < 0:
        raise InputError(
            f"{where} {what} go down to {values.min()}; they must start from 0"
        )
    if values.max() > np.iinfo(np.int32).max:
        raise InputError(
            f"{where} {what} go up to {values.max()}; they must fit 32 bits"
        )
    return values.astype(np.int32)
