"""Grey images coloured so that the colour tells the class in train and not in test."""

import math

import numpy as np

from dd_jax.types import InputError, Split

PALETTE = np.array(
    [
        (255, 0, 0),
        (255, 128, 0),
        (255, 255, 0),
        (255, 255, 128),
        (0, 255, 0),
        (0, 255, 255),
        (0, 0, 255),
        (128, 0, 255),
        (255, 0, 255),
        (255, 255, 255),
    ],
    np.uint8,
)
THRESHOLD = 128  # of a stroke, out of 255


def require_grey(images: np.ndarray, classes: int, source: str) -> None:
    """Refuses images that cannot be coloured.

    Args:
      images: `u8[n h w c]`.
      classes: k.
      source: what an error message names.

    Raises:
      InputError: images of several channels, or more classes than colours.
    """
    if images.shape[-1] != 1:
        raise InputError(
            f"data.colour: images of {source} have {images.shape[-1]} channels; grey "
            "ones, of one channel, are needed"
        )
    if classes > len(PALETTE):
        raise InputError(
            f"data.colour: {source} has {classes} classes, but there are "
            f"{len(PALETTE)} colours; take data.num_classes={len(PALETTE)} or fewer"
        )


def assigned_colours(
    seed: int, labels: np.ndarray, classes: int, correlation: float
) -> np.ndarray:
    """A colour for each row: `floor(rho n)` of a class of n rows have its own.

    The others have the k - 1 other colours in equal parts, that of the next class
    first, where they do not divide. With `rho = 1 / k` all colours are alike often.

    Args:
      seed: the same seed and labels give the same colours.
      labels: `i32[n]` in 0 .. k - 1.
      classes: k, and the number of colours.
      correlation: rho, in [0, 1].

    Returns:
      `i32[n]`; class c has the colour c.

    >>> np.bincount(assigned_colours(0, np.zeros(10, int), 3, 0.8)).tolist()
    [8, 1, 1]
    """
    rng, colours = np.random.default_rng(seed), np.empty(len(labels), np.int32)
    for c in range(classes):
        rows = rng.permutation(np.flatnonzero(labels == c))
        own = math.floor(round(correlation * len(rows), 6))  # 8.9999999 is 9
        colours[rows[:own]] = c
        for i, part in enumerate(np.array_split(rows[own:], classes - 1), 1):
            colours[part] = (c + i) % classes
    return colours


def coloured(images: np.ndarray, colours: np.ndarray, place: str) -> np.ndarray:
    """Images of one colour on black: of all pixels from 128 on, or of all others.

    Args:
      images: `u8[n h w 1]`.
      colours: `i32[n]`, rows of `PALETTE`.
      place: `foreground` or `background`.

    Returns:
      `u8[n h w 3]`.

    >>> stroke = np.array([128, 127], np.uint8).reshape(1, 1, 2, 1)
    >>> coloured(stroke, np.array([1]), "background").tolist()
    [[[[0, 0, 0], [255, 128, 0]]]]
    """
    seen = (images >= THRESHOLD) == (place == "foreground")
    return seen * PALETTE[colours][:, None, None]


def colour_split(
    seed: int, split: Split, classes: int, correlation: float, place: str
) -> Split:
    """A split in colours, which are its groups.

    Source: the coloured sets of Zhou et al., "FairDD", 2024, as its released code makes
    them: its ten colours, its threshold, and its numbers of rows. What differs: images
    keep their size (there they lie at offset (4, 4) of 32x32 pixels); with k classes
    the first k colours are used; parts of the other colours differ by one row at most
    (there all but the last are rounded up).

    Args:
      seed: of the colours, see `assigned_colours`.
      split: images `u8[n h w 1]` and labels.
      classes: k.
      correlation: share of rows with the colour of their class.
      place: `foreground` or `background`.

    Returns:
      Images `u8[n h w 3]`, labels, and colours as groups.
    """
    colours = assigned_colours(seed, split.labels, classes, correlation)
    return Split(coloured(split.images, colours, place), split.labels, colours)
