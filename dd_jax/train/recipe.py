"""Batches and learning-rate schedules of training, as code and as text."""

from collections.abc import Callable

import jax.numpy as jnp


def _half(epoch, epochs):
    drop = epochs // 2 + 1
    return jnp.where(epoch >= drop, 0.1, 1.0), jnp.where(epoch == drop, 0.0, 1.0)


def _thirds(epoch, epochs):
    passed = (epoch >= 2 * epochs // 3) + 1 * (epoch >= 5 * epochs // 6)
    return 0.2**passed, 1.0


# (epoch, epochs) -> shares of the learning rate and of the momentum kept. `half`: a
# tenth, momentum from 0, after epoch `epochs // 2`; `thirds`: a fifth from the epochs
# `2 * epochs // 3` and `5 * epochs // 6` on.
DECAYS: dict[str, Callable] = {
    "half": _half,
    "thirds": _thirds,
    "none": lambda epoch, epochs: (1.0, 1.0),
}


def batches(rows: int, batch: int) -> tuple[int, int]:
    """Rows a step, and steps an epoch.

    >>> batches(10, 4), batches(10, 256)
    ((4, 3), (10, 1))
    """
    size = min(batch, rows)
    return size, -(-rows // size)


def describe_batches(rows: int, batch: int) -> str:
    """The batches of an epoch, for training without this package.

    >>> describe_batches(12, 4)
    'each epoch in a new random order, each image once, 3 steps of 4'
    """
    size, steps = batches(rows, batch)
    words = (
        f"each epoch in a new random order, each image once, {steps} steps of {size}"
    )
    if not (fill := steps * size - rows):
        return words
    return (
        f"{words}; the last has {size - fill} images, whose mean is its loss, and is "
        f"filled up with the first {fill} of the order, which count in augmentation, "
        "mixing and batch statistics alone"
    )


def describe_decay(decay: str, epochs: int) -> str:
    """A schedule of `DECAYS` over n epochs, for training without this package.

    >>> describe_decay("half", 300)
    'epochs 0 to 150: lr; epochs 151 to 299: 0.1 lr, momentum from 0 at the first'
    """
    shares = [
        tuple(map(float, DECAYS[decay](epoch, epochs))) for epoch in range(epochs)
    ]
    firsts = [e for e in range(epochs) if not e or shares[e][0] != shares[e - 1][0]]
    words = []
    for first, end in zip(firsts, [*firsts[1:], epochs]):
        (share, kept), last = shares[first], end - 1
        rate = "lr" if share == 1 else f"{share:g} lr"
        fresh = f", momentum from {kept:g} at the first" if kept != 1 else ""
        words.append(f"epochs {first} to {last}: {rate}{fresh}")
    return "; ".join(words)
