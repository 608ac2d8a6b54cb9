"""Adversarial training: every batch is attacked before it is learned from."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp

from dd_jax.attacks import ATTACKS, Attack
from dd_jax.types import Array, InputError, Key, Model, Params

_LOSSES = {"ce": "cross-entropy", "dlr": "difference of logits ratio"}


def adversary(
    model: Model, attack: Attack
) -> Callable[[Key, Params, Array, Array], Array]:
    """What `trainer` takes as `perturb` to train against an attack.

    `min_p E max_{d in ball} CE(f_p(x + d), y)`: the inner maximum is the attack on the
    network as it is at that step, in evaluation; the step that follows sees
    only the attacked images. Augmented and synthetic pixels may lie outside [0, 1]: the
    attack acts on the clipped image, and what it adds is added to the unclipped one.

    Source: Madry et al. 2018, eq. 2.1. Differs from the released code in: the attack
    sees the network in evaluation, which matters for batch statistics only.

    Args:
      model: the network to be trained.
      attack: such as `ATTACKS["pgd_linf"](eps, steps=7)`.

    Returns:
      `(key, params, images f32[n h w c], labels f32[n k]) -> images`; the attacked
      class is the most likely one of a label.

    Raises:
      InputError: an attack that cannot run inside a compiled epoch.
    """
    if attack.on_host:
        raise InputError(
            "adversarial training is compiled, and this attack runs on the host; "
            "take one such as pgd_linf"
        )

    def perturb(key: Key, params: Params, images: Array, labels: Array) -> Array:
        inside = jnp.clip(images, 0.0, 1.0)
        logits_fn = partial(model.apply, params)
        return images + attack(key, logits_fn, inside, labels.argmax(-1)) - inside

    return perturb


def describe_adversary(eps: float, steps: int) -> str:
    """What `pgd_linf(eps, steps)` does to a batch, for training without this package.

    >>> describe_adversary(0.0, 7)
    'none'
    """
    if not eps:
        return "none"
    how = ATTACKS["pgd_linf"](eps, steps=steps).settings
    start = "a uniform point of the ball" if how.random_start else "the image itself"
    return (
        "Each batch, augmented and mixed, is moved before it is learned from: "
        f"{how.steps} steps of x <- P(x + {how.step_size:g} sign(gradient of the "
        f"{_LOSSES[how.loss]} for the most likely class)) from {start}, P onto pixels "
        f"in [0, 1] within {eps:g} of the clipped image, the network in evaluation. Of "
        "the images after each step that of the largest margin (highest other logit "
        "less that of the class) counts; what it adds to the clipped image is added to "
        "the image"
    )
