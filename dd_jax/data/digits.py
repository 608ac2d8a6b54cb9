"""The 8x8 handwritten digits embedded in scikit-learn."""

import numpy as np
from sklearn.datasets import load_digits

from dd_jax.data.raw import Raw
from dd_jax.data.splits import stratified_split
from dd_jax.types import Split


def read() -> Raw:
    """Reads 1,797 digits, 8x8 with one channel, split 80/20 by class with a fixed seed.

    Pixels `p` in 0..16 become `round(255 p / 16)`.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits,
    UCI Machine Learning Repository, 1998 (its test part, as scikit-learn ships it).
    """
    images, labels = load_digits(return_X_y=True)
    pixels = np.round(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    train, test = stratified_split(0, labels, 0.2, "digits")
    return Raw(Split(pixels[train], labels[train]), Split(pixels[test], labels[test]))
