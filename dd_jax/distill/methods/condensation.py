"""DC and DSA: condensation by gradient matching, without and with augmentation."""

from collections.abc import Callable

import numpy as np

from dd_jax.distill.base import Method
from dd_jax.distill.methods.gradient_matching import match_gradients
from dd_jax.distill.methods.inner_loop_training import InnerLoop, on_synthetic
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.curvature import Penalty
from dd_jax.train.training import unchanged
from dd_jax.types import Array, Key, Model

_IPCS = (1, 10, 20, 30, 40, 50)
_OUTER_STEPS = (1, 10, 20, 30, 40, 50)
_EPOCHS = (1, 50, 25, 20, 15, 10)


def loops(ipc: int) -> tuple[int, int]:
    """Outer steps with one network, and its epochs of training between them.

    Zhao, Mopuri and Bilen (2021) for 1, 10, 20, 30, 40 and 50 images a class; in
    between interpolated, above as for 50.

    >>> loops(1), loops(10), loops(15), loops(100)
    ((1, 1), (10, 50), (15, 38), (50, 10))
    """
    outer_steps, epochs = (
        np.interp(ipc, _IPCS, table) for table in (_OUTER_STEPS, _EPOCHS)
    )
    return round(outer_steps), round(epochs)


def inner_loop_of(
    model: Model, ipc: int, outer_steps: int, epochs: int, augment: Callable
) -> InnerLoop:
    """Inner-loop training; outer steps or epochs of 0 are those of `loops(ipc)`."""
    usual = loops(ipc)
    return on_synthetic(
        model,
        outer_steps=outer_steps or usual[0],
        epochs=epochs or usual[1],
        augment=augment,
    )


@reused
@passes_on(synthetic, "space", "clamp", "lr_lr")
def siamese_condensation(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 256,
    augment: Callable[[Key, Array], Array] = unchanged,
    augment_net: Callable[[Key, Array], Array] = unchanged,
    lr: float = 0.1,
    outer_steps: int = 0,
    net_epochs: int = 0,
    distance: str = "cosine",
    penalty: Penalty | None = None,
    **images,
) -> Method:
    """Dataset condensation with siamese augmentation (DSA), without it DC.

    A random network is used in `outer_steps` outer steps, each of which matches
    gradients once; between two of them it trains on the synthetic set for `net_epochs`
    epochs.

    Zhao, Mopuri and Bilen (2021), "Dataset condensation with gradient matching",
    alg. 1; with `augment` Zhao and Bilen (2021), DSA, alg. 1.
    Differs from the released code in: any number of images a class, by interpolating
    the table of loops; every random draw follows from the key.

    Args:
      model: the family of networks.
      ipc: stored images a class.
      batch_real: real images a class and matching step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      augment_net: the same with parameters for each image, for the network's training.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      outer_steps: 0 is that of `loops(ipc)`.
      net_epochs: 0 is that of `loops(ipc)`.
      distance: a key of `DISTANCES`.
      penalty: added to the loss of each real image; see `curvature_penalty`.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.
    """
    inner_loop = inner_loop_of(model, ipc, outer_steps, net_epochs, augment_net)
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)
    return match_gradients(
        model,
        learner,
        inner_loop,
        distance=distance,
        batch_real=batch_real,
        augment=augment,
        penalty=penalty,
    )


@passes_on(siamese_condensation, "augment", "augment_net")
def condensation(model: Model, **options) -> Method:
    """Dataset condensation (DC): `siamese_condensation` without augmentation."""
    return siamese_condensation(model, **options)
