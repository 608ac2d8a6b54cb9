"""Synthetic images as free pixels, in the space that they are learned in."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dd_jax.catalogue import resolve
from dd_jax.data.zca import Space, standard_space
from dd_jax.distill.base import Real, one_hot_labels
from dd_jax.distill.parametrisation.protocol import Parametrisation
from dd_jax.types import Key, SyntheticSet


def stay_within(low: np.ndarray, high: np.ndarray) -> optax.GradientTransformation:
    """Shortens each update so that parameters stay in the box from `low` to `high`."""

    def update(updates, state, params=None):
        clip = lambda u, p: jnp.clip(p + u, low, high) - p
        return jax.tree.map(clip, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def pixels(
    ipc: int,
    init: str | Callable,
    descent: optax.GradientTransformation,
    *,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    space: Space | None = None,
    clamp: bool = False,
    train_lr: float = 0.01,
) -> Parametrisation:
    """One stored image for each synthetic image: `x = images * std + mean`.

    Args:
      ipc: images a class; one with fewer real images starts from repeats of them.
      init: a name in the catalogue, or a function as in `initial_images`.
      descent: how stored images descend.
      mean: per-channel mean in [0, 1] of the space that images are learned in.
      std: per-channel standard deviation of that space.
      space: another space, such as that of ZCA, in place of mean and std.
      clamp: keep pixels in [0, 1].
      train_lr: learning rate that networks are to be trained with on the set.
    """
    enter, leave = space or standard_space(mean, std)
    low, high = standard_space(mean, std).enter(np.float32([[0], [1]]))

    first = resolve("init", init) if isinstance(init, str) else init

    def start(key: Key, real: Real) -> dict:
        images = first(key, real, ipc, enter)
        return {"images": jnp.clip(images, low, high) if clamp else images}

    def decode(theta: dict) -> SyntheticSet:
        images = leave(theta["images"])
        classes, size = images.shape[:2]
        labels = one_hot_labels(classes, size).reshape(classes, size, classes)
        return SyntheticSet(images, labels, jnp.float32(train_lr))

    if clamp:
        descent = optax.chain(descent, stay_within(low, high))
    return Parametrisation(start, decode, {"images": descent})
