"""A method from a matching loss: random networks, real batches, learned images."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp

from dd_jax.distill.base import Batch, Method, Real, draw
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.parallel import vmap_or_loop
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import unchanged
from dd_jax.types import Array, InputError, Key, Model, Params

Loss = Callable[..., Array]


def class_features(model: Model, params: Params, images: Array) -> Array:
    """Features of images that are sorted by class; differentiable.

    Args:
      model: the network.
      params: its parameters.
      images: `f32[k b h w c]` in [0, 1], b of each class.

    Returns:
      `f32[k b d]`, the input of the network's last layer.
    """
    chex.assert_rank(images, 5)
    flat = images.reshape(-1, *images.shape[2:])
    return model.features(params, flat, train=True).reshape(*images.shape[:2], -1)


def siamese(augment: Callable[[Key, Array], Array], key: Key, images: Array) -> Array:
    """One augmentation for each class: `augment(key_c, images[c])`, `f32[k b h w c]`.

    Both sides of a class get the same operation if they are given the same key.
    """
    keys = jax.random.split(key, len(images))
    return vmap_or_loop(augment, keys, images)


def weighed(terms: Array, importance: Array | None) -> Array:
    """Sum of the terms of a loss, each times its importance, `f32[]`.

    >>> weighed(jnp.array([1.0, 2.0]), jnp.array([0.5, 0.0])).item()
    0.5
    """
    return terms.sum() if importance is None else jnp.vdot(importance, terms)


def augmented(side, augment: Callable[[Array], Array]):
    """A batch or set with augmented images."""
    return side._replace(images=augment(side.images))


def _real_batch(params: Params, batch: Batch, augment: Callable[[Array], Array]):
    return augmented(batch, augment)


@passes_on(synthetic, "space", "clamp", "lr_lr")
def matching_method(
    model: Model,
    loss: Loss,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment: Callable[[Key, Array], Array] = unchanged,
    lr: float = 1.0,
    real_side: Callable[..., Any] = _real_batch,
    **images,
) -> Method:
    """The method that descends a loss between real and synthetic images.

    Each step draws a fresh random network and a real batch, augments both sides of a
    class alike, and descends `loss(params, real, synthetic)` in all that is learned.

    Args:
      model: the family of random networks.
      loss: `(params, real, synthetic) -> f32[]`, or terms of it, of each class `f32[k]`
        or each mean `f32[k g]`; `real` is a `Batch` with images `f32[k b h w c]` and
        weights `f32[k b]`, 0 for fillers; `synthetic` a `SyntheticSet` with images
        `f32[k m h w c]`, m a class, and labels `f32[k m k]`.
      ipc: stored images a class.
      init: see `synthetic`.
      batch_real: real images a class and step.
      augment: `(key, f32[n h w c]) -> f32[n h w c]`, one operation for all images.
      lr: learning rate of the stored images.
      real_side: `(params, Batch, augment)`, with `augment` of images `f32[k b h w c]`;
        what the loss is given as `real`, which it does not differentiate.
      **images: see `synthetic`.

    Returns:
      A `Method`.
    """
    learner = synthetic(ipc=ipc, init=init, lr=lr, space=model.space, **images)

    def sample(key: Key, real: Real) -> Batch:
        return draw(key, real, batch_real)

    def update(key, state, batch):
        net_key, augment_key = jax.random.split(key)
        params = model.init(net_key)
        change = lambda images: siamese(augment, augment_key, images)
        real = real_side(params, batch, change)

        def loss_fn(learned):
            ours = augmented(learner.decode(learned), change)
            terms = loss(params, real, ours)
            return weighed(terms, batch.importance), terms

        found, gradient = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        return learner.update(state, gradient), dict(zip(("loss", "terms"), found))

    return Method(learner.init, sample, update, learner.read)


def matching(loss: Loss) -> Callable[..., Method]:
    """Makes a factory of methods of a loss; register it, or call it.

    Args:
      loss: `(model, params, real, synthetic, *, ...) -> f32[]`, see `matching_method`.
        Its own keyword arguments, with defaults, are hyper-parameters of the method.

    Returns:
      `(model, *, ipc, ...) -> Method`, which takes those and all that `matching_method`
      takes; the same arguments give the same object.

    Raises:
      InputError: a hyper-parameter without a default.

    >>> @matching
    ... def brightness(model, params, real, synthetic, *, scale=1.0):
    ...     gap = real.images.mean((1, 2, 3, 4)) - synthetic.images.mean((1, 2, 3, 4))
    ...     return scale * (gap**2).sum()
    >>> list(inspect.signature(brightness).parameters)[:4]
    ['model', 'scale', 'ipc', 'init']
    """
    parameters = inspect.signature(loss).parameters.values()
    own = [p for p in parameters if p.kind == p.KEYWORD_ONLY]
    for parameter in own:
        if parameter.default is parameter.empty:
            raise InputError(
                f"matching: {loss.__name__} needs a default for {parameter.name}"
            )

    def factory(model: Model, **options) -> Method:
        chosen = {p.name: options.pop(p.name) for p in own if p.name in options}
        return matching_method(model, partial(loss, model, **chosen), **options)

    given = inspect.signature(factory).parameters.values()
    model, options = given
    setattr(factory, "__signature__", inspect.Signature([model, *own, options]))  # noqa: B010
    factory.__name__, factory.__doc__ = loss.__name__, loss.__doc__
    return reused(passes_on(matching_method, "loss", "real_side")(factory))
