"""Gradient matching: synthetic images that pull a network the way the real ones do."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.distill import parametrisation
from dd_jax.distill.base import Batch, Method, Real, draw
from dd_jax.distill.distances import DISTANCES
from dd_jax.distill.parametrisation import Learner, flattened
from dd_jax.distill.practice import Practice
from dd_jax.parallel import best_chunk
from dd_jax.train.fit import FitState
from dd_jax.train.losses import cross_entropy
from dd_jax.types import Array, Key, Model, Params, SyntheticSet

_PIECE = 64  # real images differentiated at a time on CPU: activations stay in cache
_CALIBRATION = 16  # real images a class that batch statistics come from


class State(NamedTuple):
    """What is learned, the present network and the matching steps it has served."""

    learned: parametrisation.State
    net: FitState
    age: Array


class Drawn(NamedTuple):
    """Real images to match, and those that the network learns from."""

    match: Batch
    practice: tuple


def mean_gradient(
    model: Model, params: Params, images: Array, labels: Array, weights: Array
) -> Params:
    """Gradient of the weighted mean cross-entropy, batch statistics frozen.

    Args:
      model: the network.
      params: its parameters.
      images: `f32[n h w c]`.
      labels: `f32[n k]`, probabilities.
      weights: `f32[n]`.

    Returns:
      Gradients of `params["params"]`.
    """
    frozen = {name: value for name, value in params.items() if name != "params"}

    def loss_fn(free):
        logits = model.apply({"params": free} | frozen, images)
        losses = jax.vmap(cross_entropy)(logits, labels)
        return jnp.vdot(weights, losses) / weights.sum()

    return jax.grad(loss_fn)(params["params"])


def _in_pieces(model, params, images, labels, weights):
    """`mean_gradient` summed over pieces; for a side that is not derived again."""
    pieces = -(-len(images) // _PIECE) if best_chunk() is None else 1
    if pieces == 1:
        return mean_gradient(model, params, images, labels, weights)
    fill = pieces * _PIECE - len(images)
    cut = lambda a: jnp.concatenate([a, a[:fill] * 0]).reshape(pieces, -1, *a.shape[1:])

    def add(total, piece):
        share = piece[2].sum() / weights.sum()
        safe = jnp.where(share > 0, piece[2], 1.0)  # fillers alone have no mean
        part = mean_gradient(model, params, *piece[:2], safe)
        return jax.tree.map(lambda t, g: t + share * g, total, part), None

    zero = jax.tree.map(jnp.zeros_like, params["params"])
    return lax.scan(add, zero, (cut(images), cut(labels), cut(weights)))[0]


def _in_turn(fun: Callable, *stacked):
    """`vmap(fun)(*stacked)`, one after another.

    On accelerators too: together, the weight gradients of classes are one grouped
    convolution each, with which a step takes 1.7 times as long on an H100.
    """
    return lax.map(lambda one: fun(*one), stacked)


def calibrated(model: Model, params: Params, batch: Batch) -> Params:
    """Parameters whose batch statistics have seen a few real images of each class."""
    if "batch_stats" not in params:
        return params
    few = batch.images[:, :_CALIBRATION]
    return params | model.train_apply(params, few.reshape(-1, *few.shape[2:]))[1]


def present(practice: Practice, key: Key, net: FitState, age: Array) -> FitState:
    """The network of this step: a fresh one at age 0, else the one that there is."""
    fresh = practice.init(key)
    return jax.tree.map(lambda a, b: jnp.where(age == 0, a, b), fresh, net)


def grown(
    practice: Practice,
    key: Key,
    net: FitState,
    age: Array,
    made: SyntheticSet,
    drawn: tuple,
) -> tuple[FitState, Array]:
    """The network after it has learned from this step, and its age."""
    last = age == practice.life - 1
    net = practice.train(key, net, made, drawn, last)
    return net, jnp.where(last, 0, age + 1)


def matching(
    model: Model,
    learner: Learner,
    practice: Practice,
    *,
    distance: str,
    batch_real: int,
    augment: Callable[[Key, Array], Array],
) -> Method:
    """Matches gradients class by class on networks that practise in between.

    Each update descends `sum_c D(grad L(A_c(s_c); w), grad L(A_c(x_c); w))`, with one
    augmentation A_c for both sides of class c.
    """

    def init(key: Key, real: Real) -> State:
        learn_key, net_key = jax.random.split(key)
        return State(
            learner.init(learn_key, real), practice.init(net_key), jnp.int32(0)
        )

    def sample(key: Key, real: Real) -> Drawn:
        match_key, practice_key = jax.random.split(key)
        return Drawn(
            draw(match_key, real, batch_real), practice.sample(practice_key, real)
        )

    def loss_and_gradient(key, theta, params, batch):
        def pull_of_class(key, images, weights, label):
            labels = jnp.broadcast_to(label, (len(images), len(label)))
            return _in_pieces(model, params, augment(key, images), labels, weights)

        def loss_of_class(key, images, labels, real):
            ones = jnp.ones(len(images))
            ours = mean_gradient(model, params, augment(key, images), labels, ones)
            return DISTANCES[distance](ours, real)

        keys = jax.random.split(key, len(batch.weights))
        classes = jnp.eye(len(keys))
        real = _in_turn(pull_of_class, keys, batch.images, batch.weights, classes)
        made, back = jax.vjp(learner.decode, theta)
        terms, grads = _in_turn(
            jax.value_and_grad(loss_of_class, (1, 2)),
            *(keys, made.images, made.labels, real),
        )
        of_made = made._replace(
            images=grads[0], labels=grads[1], lr=jnp.zeros_like(made.lr)
        )
        return terms.sum(), back(of_made)[0]

    def update(key, state: State, batch: Drawn):
        net_key, match_key, train_key = jax.random.split(key, 3)
        net = present(practice, net_key, state.net, state.age)
        net = net._replace(params=calibrated(model, net.params, batch.match))
        loss, grad = loss_and_gradient(
            match_key, state.learned.theta, net.params, batch.match
        )
        learned = learner.descend(state.learned, grad)
        made = flattened(learner.decode(learned.theta))
        net, age = grown(practice, train_key, net, state.age, made, batch.practice)
        return State(learned, net, age), {"loss": loss}

    return Method(init, sample, update, lambda state: learner.read(state.learned))
