"""The synthetic set of a method, composed from its parametrisations."""

from collections.abc import Callable
from functools import partial

import optax

from dd_jax.distill.parametrisation.allocation import allocated
from dd_jax.distill.parametrisation.initial_images import in_pixels
from dd_jax.distill.parametrisation.multi_formation import multi_formation
from dd_jax.distill.parametrisation.pixels import pixels
from dd_jax.distill.parametrisation.protocol import Learner, learner
from dd_jax.distill.parametrisation.soft_labels import learned_labels, learned_lr
from dd_jax.distill.traced import switched_on
from dd_jax.types import PIXELS, InputError, Space


def synthetic(
    *,
    ipc: int,
    init: str | Callable = "real",
    lr: float,
    momentum: float = 0.5,
    optimizer: str = "sgd",
    space: Space,
    clamp: bool = False,
    factor: int = 1,
    multi: bool = False,
    lr_labels: float = 0.0,
    train_lr: float = 0.01,
    lr_lr: float = 0.0,
    allocation: tuple[int, ...] = (),
) -> Learner:
    """What every method learns; each takes these arguments as its own.

    Args:
      ipc: stored images a class.
      init: `noise`, `real` or the name of a selection.
      lr: learning rate of the stored images.
      momentum: decay of the running gradient sums of `sgd`.
      optimizer: `sgd` or `adam`, for all that is learned.
      space: what images are learned in, such as `model.space`.
      clamp: keep stored values in [0, 1]; for `PIXELS`.
      factor: tiles along each side of a stored image, each a synthetic image.
      multi: decode by every factor from 1 to `factor`.
      lr_labels: learning rate of the soft labels' logits; 0 keeps labels one-hot.
      train_lr: learning rate that networks are to be trained with on the set.
      lr_lr: learning rate of the logarithm of `train_lr`; 0 keeps it.
      allocation: stored images of each class; default `ipc` of each.

    Raises:
      InputError: an allocation of tiles, or another optimizer.
    """
    if allocation and factor > 1:
        raise InputError(
            f"distill.allocation: stored images are of {factor} x {factor} tiles, all "
            "of one class; take distill.factor=1"
        )
    if optimizer not in ("sgd", "adam"):
        raise InputError(f"optimizer={optimizer!r}; use sgd or adam")
    descent = {"sgd": partial(optax.sgd, momentum=momentum), "adam": optax.adam}
    synthetic_batch = pixels(
        max(allocation or (ipc,)) * factor**2,
        init,
        descent[optimizer](lr),
        space=space,
        clamp=clamp,
        train_lr=train_lr,
    )
    if factor > 1:
        synthetic_batch = multi_formation(synthetic_batch, factor, multi)
    if switched_on(lr_labels):
        synthetic_batch = learned_labels(synthetic_batch, descent[optimizer](lr_labels))
    if switched_on(lr_lr):
        synthetic_batch = learned_lr(synthetic_batch, descent[optimizer](lr_lr))
    if allocation:
        synthetic_batch = allocated(synthetic_batch, allocation)
    return learner(synthetic_batch)


def synthetic_pixels(*, init: str | Callable, noise_in: Space, **images) -> Learner:
    """`synthetic` learned as pixels in [0, 1], from noise in another space if any.

    Args:
      init: see `synthetic`.
      noise_in: see `in_pixels`.
      **images: see `synthetic`.
    """
    start = in_pixels(init, noise_in)
    return synthetic(init=start, space=PIXELS, clamp=True, **images)
