"""Random truncated back-propagation through the training of a network on the set."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.flatten_util import ravel_pytree

from dd_jax.distill.base import Batch, Method, Real, draw, one_hot_labels
from dd_jax.distill.methods.checkpointed_steps import after_steps
from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.distill.methods.network_loss import network_loss
from dd_jax.distill.methods.student_gradient import student_gradient
from dd_jax.distill.parametrisation.protocol import LearnerState, Theta, flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import unchanged
from dd_jax.types import Array, InputError, Key, Model

_KEPT, _LONGEST = 0.9, 2.0  # decay of the mean norm, and the longest gradient over it
_ROOT = 1e-12  # under Adam's root, whose slope is infinite at 0


class TruncatedState(NamedTuple):
    """What is learned, and the running mean of the norm of its gradient."""

    learned: LearnerState
    norm: Array


class InnerState(NamedTuple):
    """Weights `f32[p]` of the network that learns from the set, and Adam's state."""

    weights: Array
    opt: optax.OptState


def clipped(gradient: Theta, mean: Array) -> tuple[Theta, Array]:
    """Shortens a gradient to twice the running mean of its norm.

    Args:
      gradient: of all that is learned.
      mean: `f32[]`, of the norms so far; 0 before the first.

    Returns:
      The gradient and the new mean, `0.9 mean + 0.1 norm`; the first is the norm.

    >>> found, mean = clipped({"images": jnp.array([30.0, 40.0])}, jnp.float32(10.0))
    >>> found["images"], mean
    (Array([16.8, 22.4], dtype=float32), Array(14., dtype=float32))
    """
    norm = optax.tree.norm(gradient)
    mean = jnp.where(mean > 0, _KEPT * mean + (1 - _KEPT) * norm, norm)
    scale = jnp.where(norm > _LONGEST * mean, _LONGEST * mean / norm, 1.0)
    return jax.tree.map(lambda g: scale * g, gradient), mean


@reused
@passes_on(synthetic, "space", "clamp", "optimizer", "momentum", "lr_lr")
def truncated_backpropagation(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    batch_real: int = 64,
    augment_student: Callable[[Key, Array], Array] = unchanged,
    window: int = 20,
    unroll: int = 60,
    inner_lr: float = 1e-3,
    lr: float = 0.01,
    **images,
) -> Method:
    """Random truncated back-propagation through training (RaT-BPTT).

    In each update a fresh network takes n steps of Adam on the synthetic set, n uniform
    in {M, ..., N}, and the set descends the cross-entropy of that network on real
    images. Only the last M steps are differentiated. The gradient is no longer than
    twice the running mean of its norm, see `clipped`.

    Feng, Vedantam and Kempe (2024), arXiv:2311.07025, section 3.
    Differs from the released code in: M and N are 20 and 60 (published: 60 and 200);
    n is drawn in every step, not once for each pass over the real images; real images
    are drawn by class, 64 of each (5000 in all); the learning rate of the images is
    0.01 (0.001), and they start from real ones (noise); all of them are in every step
    of the network; labels that are learned are logits, which are clipped with the
    images (numbers of at least 0); 1e-12 is added under Adam's root; augmentation is
    that of the config (flips and rotations), whitening that of the data (of images of
    norm 1). Networks are evaluated by the recipe of the run, not by the inner Adam
    (published: the best of several lengths of training, on test rows).

    Args:
      model: the family of networks; one with batch statistics normalises each step by
        those of its own batch.
      batch_real: real images a class and step.
      augment_student: `(key, f32[n h w c]) -> f32[n h w c]` with parameters for each
        image, for the real images and, in each step of the network, the synthetic ones.
      window: M, training steps that are differentiated.
      unroll: N, the most training steps.
      inner_lr: learning rate of the network.
      ipc: stored images a class.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      **images: see `synthetic`.

    Returns:
      A `Method`; the same arguments give the same object.

    Raises:
      InputError: a window of more steps than there are.
    """
    if window > unroll:
        raise InputError(
            f"distill.rat_bptt.window={window}: more steps than "
            f"distill.rat_bptt.unroll={unroll}, the most that a network takes"
        )
    learner = synthetic(
        ipc=ipc, init=init, lr=lr, optimizer="adam", space=model.space, **images
    )
    gradient, unravel = student_gradient(model, augment_student), unraveller(model)
    adam = optax.scale_by_adam(eps_root=_ROOT)

    def init(key: Key, real: Real) -> TruncatedState:
        return TruncatedState(learner.init(key, real), jnp.float32(0))

    def sample(key: Key, real: Real) -> Batch:
        return draw(key, real, batch_real)

    def step(inner: InnerState, synthetic_batch, key) -> InnerState:
        rows = jnp.arange(len(synthetic_batch.images))
        slope = gradient(inner.weights, synthetic_batch, key, rows)
        change, opt = adam.update(slope, inner.opt)
        return InnerState(inner.weights - inner_lr * change, opt)

    def update(key: Key, state: TruncatedState, batch: Batch):
        net_key, count_key, student_key, augment_key = jax.random.split(key, 4)
        key_at = partial(jax.random.fold_in, student_key)
        synthetic_batch, back = jax.vjp(
            lambda learned: flattened(learner.decode(learned)), state.learned.params
        )
        fresh, _ = ravel_pytree(model.trainable(model.init(net_key)))
        before = jax.random.randint(count_key, (), 0, unroll - window + 1)
        start = lax.fori_loop(
            0,
            before,
            lambda i, inner: step(inner, synthetic_batch, key_at(i)),
            InnerState(fresh, adam.init(fresh)),
        )
        keys = jax.vmap(key_at)(before + jnp.arange(window))
        flat = batch.images.reshape(-1, *batch.images.shape[2:])
        real = augment_student(augment_key, flat)
        weights = batch.weights.ravel() / batch.weights.sum()
        labels = one_hot_labels(*batch.weights.shape)

        def loss_fn(synthetic_batch):
            reached = unravel(after_steps(step, start, synthetic_batch, keys).weights)
            return network_loss(model, reached, weights, real, labels)

        loss, grad = jax.value_and_grad(loss_fn)(synthetic_batch)
        grad, norm = clipped(back(grad)[0], state.norm)
        return TruncatedState(learner.update(state.learned, grad), norm), {"loss": loss}

    return Method(
        init,
        sample,
        update,
        lambda state: learner.read(state.learned),
        splits=not model.has_batch_stats,
    )
