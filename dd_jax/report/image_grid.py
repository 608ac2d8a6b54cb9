"""Images in a grid, as PNG bytes."""

import io

import numpy as np
from PIL import Image

SIDE, GAP = 48, 4  # of a small image once enlarged, and between two, in pixels


def image_grid(
    images: np.ndarray,
    labels: np.ndarray,
    columns: int = 10,
    side: int | None = None,
) -> bytes:
    """Images a row for each class; small ones enlarged by a whole factor, unblurred.

    Args:
      images: `f32[m h w c]`, pixels in [0, 1]; others are clipped. One channel is
        shown grey, three as RGB, any other number as their mean.
      labels: `f32[m k]`; an image is in the row of its largest probability.
      columns: most images of a class that are shown.
      side: larger images are averaged down to this many pixels; None for never.

    Returns:
      PNG; classes without an image have no row.
    """
    images = images if side is None else _smaller(images, side)
    classes = np.argmax(labels, axis=1)
    rows = [images[classes == c][:columns] for c in np.unique(classes)]
    channels = images.shape[-1]
    factor = max(1, round(SIDE / max(images.shape[1:3])))
    h, w = (factor * side for side in images.shape[1:3])
    down, across = h + GAP, w + GAP
    most = max(map(len, rows))
    sheet = np.ones((len(rows) * down - GAP, most * across - GAP, 3), np.float32)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            pixels = image if channels == 3 else image.mean(-1, keepdims=True)
            enlarged = np.kron(np.clip(pixels, 0, 1), np.ones((factor, factor, 1)))
            sheet[i * down :, j * across :][:h, :w] = enlarged
    buffer = io.BytesIO()
    picture = Image.fromarray(np.round(255 * sheet).astype(np.uint8))
    (picture if channels == 3 else picture.convert("L")).save(buffer, "png")
    return buffer.getvalue()


def _smaller(images: np.ndarray, side: int) -> np.ndarray:
    """Means over blocks of pixels, so that no side is longer than `side`."""
    for axis in (1, 2):
        length = images.shape[axis]
        block = min(-(-max(images.shape[1:3]) // side), length)
        whole = np.take(images, range(length // block * block), axis)
        blocks = (*whole.shape[:axis], -1, block, *whole.shape[axis + 1 :])
        images = whole.reshape(blocks).mean(axis + 1)
    return images
