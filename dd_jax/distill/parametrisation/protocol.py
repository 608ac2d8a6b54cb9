"""What is learned of a synthetic set, and the descent on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import optax

from dd_jax.distill.base import Real
from dd_jax.types import Key, SyntheticSet

Theta = dict  # name -> array: all that is learned


class Parametrisation(NamedTuple):
    """How learned arrays become a synthetic set; wrappers add to all three parts.

    Attributes:
      init: `(key, Real) -> params`, all that is learned: a dict with `images
        f32[k s h w c]`, s stored images a class; runs on the host.
      decode: `params -> SyntheticSet` with images `f32[k m h w c]`, m a class, labels
        `f32[k m k]` and the learning rate to train with.
      optimizers: how each entry of params descends.
      kept: `i64[s]`, the images of all classes in a row that are a set's; None for all.
      soft: whether labels are learned, and need not say the class of an image.
    """

    init: Callable[[Key, Real], Theta]
    decode: Callable[[Theta], SyntheticSet]
    optimizers: dict[str, optax.GradientTransformation]
    kept: np.ndarray | None = None
    soft: bool = False


class LearnerState(NamedTuple):
    """Learned arrays and the momentum of the descent on them."""

    params: Theta
    opt: optax.OptState


class Learner(NamedTuple):
    """A parametrisation in the shape that methods share.

    Attributes:
      init: `(key, Real) -> LearnerState`; runs on the host.
      decode: as in `Parametrisation`.
      update: `(LearnerState, gradient of params) -> LearnerState`.
      read: `LearnerState -> SyntheticSet`, images `f32[k*m h w c]`, or those kept.
    """

    init: Callable[[Key, Real], LearnerState]
    decode: Callable[[Theta], SyntheticSet]
    update: Callable[[LearnerState, Theta], LearnerState]
    read: Callable[[LearnerState], SyntheticSet]


def flattened(synthetic_batch: SyntheticSet) -> SyntheticSet:
    """The images and labels of all classes in one row."""
    flat = lambda a: a.reshape(-1, *a.shape[2:])
    return synthetic_batch._replace(
        images=flat(synthetic_batch.images), labels=flat(synthetic_batch.labels)
    )


def learner(parametrisation: Parametrisation) -> Learner:
    """The start, the descent and the reading of a parametrisation."""
    names = lambda params: {name: name for name in params}
    optimizer = optax.partition(parametrisation.optimizers, names)

    def init(key: Key, real: Real) -> LearnerState:
        params = jax.tree.map(jax.numpy.asarray, parametrisation.init(key, real))
        return LearnerState(params, optimizer.init(params))

    def update(state: LearnerState, gradient: Theta) -> LearnerState:
        change, opt = optimizer.update(gradient, state.opt, state.params)
        return LearnerState(optax.apply_updates(state.params, change), opt)

    def read(state: LearnerState) -> SyntheticSet:
        batch = parametrisation.decode(state.params)
        classes, per_class = batch.images.shape[:2]
        whole = flattened(batch)
        if parametrisation.soft:
            whole = whole._replace(classes=np.arange(classes).repeat(per_class))
        if (kept := parametrisation.kept) is None:
            return whole
        of_kept = lambda a: None if a is None else a[kept]
        return whole._replace(
            images=whole.images[kept],
            labels=whole.labels[kept],
            classes=of_kept(whole.classes),
        )

    return Learner(init, parametrisation.decode, update, read)
