"""What is learned of a synthetic set, and the descent on it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import optax

from dd_jax.distill.base import Real
from dd_jax.types import Key, SyntheticSet

Theta = dict  # name -> array: all that is learned


class Parametrisation(NamedTuple):
    """How learned arrays become a synthetic set; wrappers add to all three parts.

    Attributes:
      init: `(key, Real) -> theta`, a dict with `images f32[k s h w c]`, s stored images
        a class; runs on the host.
      decode: `theta -> SyntheticSet` with images `f32[k m h w c]`, m a class, labels
        `f32[k m k]` and the step size to train with.
      optimizers: how each entry of theta descends.
    """

    init: Callable[[Key, Real], Theta]
    decode: Callable[[Theta], SyntheticSet]
    optimizers: dict[str, optax.GradientTransformation]


class State(NamedTuple):
    """Learned arrays and the momentum of the descent on them."""

    theta: Theta
    opt: optax.OptState


class Learner(NamedTuple):
    """A parametrisation in the shape that methods share.

    Attributes:
      init: `(key, Real) -> State`; runs on the host.
      decode: as in `Parametrisation`.
      descend: `(State, gradient of theta) -> State`.
      read: `State -> SyntheticSet`, images `f32[k*m h w c]`.
    """

    init: Callable[[Key, Real], State]
    decode: Callable[[Theta], SyntheticSet]
    descend: Callable[[State, Theta], State]
    read: Callable[[State], SyntheticSet]


def flattened(made: SyntheticSet) -> SyntheticSet:
    """The images and labels of all classes in one row."""
    flat = lambda a: a.reshape(-1, *a.shape[2:])
    return made._replace(images=flat(made.images), labels=flat(made.labels))


def learner(parametrisation: Parametrisation) -> Learner:
    """The start, the descent and the reading of a parametrisation."""
    names = lambda theta: {name: name for name in theta}
    optimizer = optax.partition(parametrisation.optimizers, names)

    def init(key: Key, real: Real) -> State:
        theta = jax.tree.map(jax.numpy.asarray, parametrisation.init(key, real))
        return State(theta, optimizer.init(theta))

    def descend(state: State, gradient: Theta) -> State:
        change, opt = optimizer.update(gradient, state.opt, state.theta)
        return State(optax.apply_updates(state.theta, change), opt)

    read = lambda state: flattened(parametrisation.decode(state.theta))
    return Learner(init, parametrisation.decode, descend, read)
