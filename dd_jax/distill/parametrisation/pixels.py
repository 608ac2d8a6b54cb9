"""Synthetic images as free pixels, in the space that they are learned in."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from dd_jax.catalogue import resolve
from dd_jax.distill.base import Real, one_hot_labels
from dd_jax.distill.parametrisation.protocol import Parametrisation
from dd_jax.types import InputError, Key, Space, SyntheticSet


def stay_within(low: float, high: float) -> optax.GradientTransformation:
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
    space: Space,
    clamp: bool = False,
    train_lr: float = 0.01,
) -> Parametrisation:
    """One stored image for each synthetic image: `x = space.leave(images)`.

    Args:
      ipc: images a class; one with fewer real images starts from repeats of them.
      init: a name in the catalogue, or a function as in `initial_images`.
      descent: how stored images descend.
      space: what images are learned in, such as `model.space`.
      clamp: keep stored values in [0, 1]; for `PIXELS`.
      train_lr: learning rate that networks are to be trained with on the set.

    Raises:
      InputError: the images to start from have another shape than the set.
    """
    first = resolve("init", init) if isinstance(init, str) else init

    def start(key: Key, real: Real) -> dict:
        if not isinstance(real, Real):
            kind = type(real).__name__
            raise InputError(
                f"real data are a {kind}; give dd_jax.distill.real_data(...)"
            )
        images = jnp.asarray(first(key, real, ipc, space.enter), jnp.float32)
        needed = len(real.counts), ipc, *real.images.shape[1:]
        if images.shape != needed:
            raise InputError(
                f"distill.init={init}: images of shape {images.shape}, not {needed}: "
                "class, image, height, width, channel"
            )
        return {"images": jnp.clip(images, 0.0, 1.0) if clamp else images}

    def decode(params: dict) -> SyntheticSet:
        images = space.leave(params["images"])
        classes, size = images.shape[:2]
        labels = one_hot_labels(classes, size).reshape(classes, size, classes)
        return SyntheticSet(images, labels, jnp.float32(train_lr))

    if clamp:
        descent = optax.chain(descent, stay_within(0.0, 1.0))
    return Parametrisation(start, decode, {"images": descent})
