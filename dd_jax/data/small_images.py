"""Images made small and normalised, so that the same picture gives the same numbers."""

import numpy as np

SIDE = 16  # pixels
_ROWS = 2048  # at once


def small_images(images: np.ndarray) -> np.ndarray:
    """Images of at most `SIDE` pixels in height and width, normalised each.

    Pixels are averaged over areas; then `(x - mean x) / |x - mean x|`, so that the
    product of two is their correlation, whatever their brightness and contrast.

    Args:
      images: `u8[n h w c]`.

    Returns:
      `f32[n d]`; 0 for an image of one value.

    >>> one, lighter = small_images(np.uint8([[0, 1], [8, 9]]).reshape(2, 1, 2, 1))
    >>> bool(np.allclose(one, lighter)), [round(float(x), 3) for x in one]
    (True, [-0.707, 0.707])
    """
    n, h, w, c = images.shape
    down, across = _areas(h), _areas(w)
    made = []
    for start in range(0, n, _ROWS):
        some = images[start : start + _ROWS].astype(np.float32)
        rows = (down @ some.reshape(-1, h, w * c)).reshape(-1, w, c)
        small = (across @ rows).reshape(len(some), -1)
        small -= small.mean(1, keepdims=True)
        norm = np.linalg.norm(small, axis=1, keepdims=True)
        made.append(np.where(norm > 1e-3, small / np.maximum(norm, 1e-3), 0))
    return np.concatenate(made)


def _areas(length: int) -> np.ndarray:
    """Weights `f32[min(length, SIDE) length]` that average pixels over equal areas."""
    side = min(length, SIDE)
    edges = np.arange(side + 1) * (length / side)
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(
        edges[:-1, None], pixel
    )
    return (np.maximum(overlap, 0) * (side / length)).astype(np.float32)
