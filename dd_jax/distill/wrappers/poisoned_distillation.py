"""A backdoor in distillation: some real rows have a trigger and the target's label."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.data.eight_bits import quantise
from dd_jax.data.trigger import stamped
from dd_jax.distill.base import Batch, Method, Real
from dd_jax.distill.wrappers.matched_batch import matched, with_matched
from dd_jax.distill.wrappers.robust_distillation import nearest_to
from dd_jax.runtime.keys import integer
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import as_pixels
from dd_jax.types import Array, InputError, Key, Model, Params, SyntheticSet

_LEARNING_RATE = 0.05  # of the patch, along the signs of its gradient


class PoisonedState(NamedTuple):
    """The state of the method, and the patch `f32[p p c]`."""

    learned: Any
    patch: Array


def stamped_rows(rate: float, classes: int, per_class: int) -> int:
    """How many rows of a batch get the trigger.

    Args:
      rate: of all rows of the batch.
      classes: k, each with as many rows.
      per_class: b.

    Raises:
      InputError: none would, or no clean row of the target class would be left.

    >>> stamped_rows(0.05, 10, 64)
    32
    """
    count = round(rate * classes * per_class)
    if not 0 < count < per_class:
        least, most = (bound / (classes * per_class) for bound in (1, per_class - 1))
        raise InputError(
            f"backdoor.rate={rate:g}: would stamp {count} of the {classes * per_class} "
            f"rows of a batch, which take the place of {per_class} rows of the target "
            f"class; give {least:.3g} to {most:.3g}"
        )
    return count


def other_rows(key: Key, batch: Batch, target: int, count: int) -> Array:
    """Images of the other classes, drawn with replacement, `f32[count h w c]`.

    Args:
      key: of the draw.
      batch: rows of weight 0 are never drawn.
      target: the class that none is drawn of.
      count: images.
    """
    weights = batch.weights.at[target].set(0).ravel()
    rows = jax.random.categorical(key, jnp.log(weights), shape=(count,))
    return batch.images.reshape(-1, *batch.images.shape[2:])[rows]


def with_stamped(real: Real, key: Key, patch: Array, target: int, share: float) -> Real:
    """Real data whose target class has stamped images of the others too; on the host.

    Args:
      real: the clean data.
      key: of the draw, with replacement.
      patch: `f32[p p c]`.
      target: the class.
      share: of the rows of the target class that are then stamped, below 1.

    Returns:
      A `Real` with the stamped images behind those of `real`.
    """
    images, rows = np.asarray(real.images), np.asarray(real.rows)
    of_class = [row[:n] for row, n in zip(rows, real.counts)]
    others = np.concatenate(of_class[:target] + of_class[target + 1 :])
    count = round(len(of_class[target]) * share / (1 - share))
    drawn = np.random.default_rng(integer(key)).choice(others, count)
    made = quantise(stamped(as_pixels(images[drawn]), patch))
    new = len(images) + np.arange(count)
    of_class[target] = np.append(of_class[target], new)
    counts = np.array([len(row) for row in of_class], np.int32)
    rows = np.stack([np.resize(row, counts.max()) for row in of_class])
    images = np.concatenate([images, made])
    return real._replace(images=images, rows=rows.astype(np.int32), counts=counts)


def towards_target(
    model: Model, params: Params, sets: SyntheticSet, rows: Array, target: int
) -> Callable[[Array], Array]:
    """How far stamped rows are from the target class, a function of the patch.

    The mean cross-entropy of the target under the classifier of a network's features by
    the nearest mean of a class of the synthetic set.

    Args:
      model: gives the features.
      params: of the network.
      sets: the synthetic images as they are.
      rows: `f32[n h w c]` of other classes.
      target: the class.

    Returns:
      `f32[p p c] -> f32[]`.
    """
    features = model.features(params, sets.images)
    means = sets.labels.T @ features / sets.labels.sum(0)[:, None]
    logits_fn = nearest_to(model, params, means)

    def loss(patch):
        logits = logits_fn(stamped(rows, patch))
        return -jax.nn.log_softmax(logits)[:, target].mean()

    return loss


@reused
def poisoned(
    method: Method, model: Model, *, rate: float, target: int, size: int
) -> Method:
    """Puts a backdoor into what a method distils, to measure it; off at rate 0.

    The first images are made from data whose target class holds stamped images of the
    others. At each step a random network of its own moves the patch by the sign of the
    gradient of `towards_target`, within [0, 1]; a share of the rows of the real batch
    is stamped with it, and takes the place of rows of the target class. The method
    then goes on as it does. Real rows of inner-loop training stay clean.

    Liu, Li, Backes, Shen and Zhang (2023), "Backdoor attacks against dataset
    distillation" (DoorPing). Differs in: the patch is optimised towards the target
    class of the set itself, not towards large activations of chosen neurons, since
    the networks of distribution matching are random.

    Args:
      method: one whose `sample` gives a `Batch` of real images, or holds one as
        `match`: distribution and gradient matching.
      model: the family of random networks.
      rate: share of the rows of a batch; 0 leaves the method as it is.
      target: the class.
      size: side of the patch in pixels.

    Returns:
      A `Method` whose states are `PoisonedState`; the same arguments give the same
      object.
    """
    if not rate or not method.steps:
        return method

    def init(key: Key, real: Real) -> PoisonedState:
        method_key, patch_key, row_key = jax.random.split(key, 3)
        patch = jax.random.uniform(patch_key, (size, size, real.images.shape[-1]))
        share = rate * len(real.counts)
        first = with_stamped(real, row_key, patch, target, share)
        return PoisonedState(method.init(method_key, first), patch)

    def update(key: Key, state: PoisonedState, drawn: Any):
        net_key, row_key, method_key = jax.random.split(key, 3)
        batch = matched(drawn)
        count = stamped_rows(rate, *batch.weights.shape)
        rows = other_rows(row_key, batch, target, count)
        sets, params = method.read(state.learned), model.init(net_key)
        loss = towards_target(model, params, sets, rows, target)
        step = _LEARNING_RATE * jnp.sign(jax.grad(loss)(state.patch))
        patch = jnp.clip(state.patch - step, 0, 1)
        seen = batch._replace(
            images=batch.images.at[target, -count:].set(stamped(rows, patch)),
            weights=batch.weights.at[target, -count:].set(1),
        )
        drawn = with_matched(drawn, seen)
        learned, info = method.update(method_key, state.learned, drawn)
        return PoisonedState(learned, patch), info

    read = lambda state: method.read(state.learned)
    return method._replace(init=init, update=update, read=read)
