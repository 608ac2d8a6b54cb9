"""NCFM: matching of characteristic functions of learned features."""

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Method
from dd_jax.distill.methods.interpolated_matching import interpolated_matching
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Model, Params

_TINY = 1e-12  # under roots, whose slope at 0 is infinite


def characteristic(model: Model) -> Model:
    """A model whose features have the characteristic function as their mean.

    `[cos(t_1 z), ..., cos(t_f z), sin(t_1 z), ..., sin(t_f z)]` of the features
    `z = phi / ||phi||`: their mean over images is `Re` and `Im` of
    `Phi(t) = mean exp(i t z)`. Its parameters are `(params, t f32[f d])`.

    Args:
      model: has the features phi, `f32[n d]`.
    """

    def features(pair, images, train=False):
        params, frequencies = pair
        found = model.features(params, images, train=train)
        length = jnp.sqrt(jnp.square(found).sum(-1, keepdims=True) + _TINY)
        angles = (found / length) @ frequencies.T
        return jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], -1)

    return model._replace(features=features)


def characteristic_distances(real: Array, synthetic: Array) -> Array:
    """Distance of characteristic functions, by amplitude and by phase alike.

    `mean_t sqrt(1/2 (|P| - |Q|)^2 + (|P| |Q| - Re P conj(Q)))`, which is
    `mean_t |P - Q| / sqrt 2`.

    Args:
      real: P, `f32[k 2f]` or `f32[k g 2f]`, real parts and then imaginary ones.
      synthetic: Q, `f32[k 2f]`.

    Returns:
      `f32[k]` or `f32[k g]`.

    >>> p, q = jnp.array([[1.0, 0.0]]), jnp.array([[0.0, 1.0]])
    >>> characteristic_distances(p, q).round(4)
    Array([1.], dtype=float32)
    """
    if real.ndim == 3:
        synthetic = synthetic[:, None]
    cosines, sines = jnp.split(jnp.square(real - synthetic), 2, -1)
    return jnp.sqrt((cosines + sines) / 2 + _TINY).mean(-1)


@reused
@passes_on(interpolated_matching, "distances", "embedding", "drawn_with")
def ncfm(
    model: Model,
    *,
    batch_real: int = 256,
    lr: float = 0.01,
    frequencies: int = 1024,
    scale: float = 300.0,
    optimizer: str = "adam",
    **options,
) -> Method:
    """Neural characteristic function matching.

    `interpolated_matching` with D `scale` times the distance of the characteristic
    functions of normalised features, at new frequencies `t ~ N(0, I)` in each step.
    Amplitude and phase count alike, where the two together are `|P - Q|`.

    Wang et al. (2025), NCFM, CVPR.
    Differs from the released code in: frequencies are not learned by a network of
    their own (most of its configurations for CIFAR have that off too) and are the same
    for all classes of a step; one step of all classes, where Adam moves each image once
    and not once for each of k classes, `sqrt k` times as far in all; Adam without
    weight decay, at a learning rate that does not fall; experts train at a constant
    learning rate and without CutMix; clamp and tiles as in `dance`. Released with
    `distill.augment=color+crop+cutout`, 20,000 steps, and networks that train on the
    set for 2,000 epochs in batches of 128 by AdamW at 0.001, halved at each fifth, with
    CutMix; its accuracy is the best of several evaluations on test rows.

    Args:
      model: the network of the experts (released: 20, of 60 epochs).
      batch_real: real images a class and step (released: 128 to 1024; configs give
        64). D is no square, so that the noise of small batches biases its gradient.
      lr: learning rate of the stored images (released: 0.001).
      frequencies: f, drawn in each step (released: 4096).
      scale: of the loss.
      optimizer: see `synthetic`.
      **options: see `interpolated_matching`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`; the same arguments give the same
      object.
    """

    def drawn_with(key: Key, params: Params, d: int):
        return params, jax.random.normal(key, (frequencies, d))

    return interpolated_matching(
        model,
        lambda real, ours: scale * characteristic_distances(real, ours),
        batch_real=batch_real,
        lr=lr,
        optimizer=optimizer,
        embedding=characteristic(model),
        drawn_with=drawn_with,
        **options,
    )
