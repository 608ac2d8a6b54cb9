"""Trajectory matching: synthetic images that lead a student along an expert's path."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dd_jax.distill.base import Experts, Method, Real
from dd_jax.distill.methods.expert_labels import labels_of_experts
from dd_jax.distill.methods.student import (
    TrajectorySegment,
    exact_gradient,
    tesla_gradient,
)
from dd_jax.distill.methods.student_gradient import student_gradient
from dd_jax.distill.parametrisation.protocol import LearnerState, flattened
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.distill.signatures import passes_on
from dd_jax.distill.traced import switched_on
from dd_jax.runtime.reuse import reused
from dd_jax.train.training import unchanged
from dd_jax.types import Array, InputError, Key, Model


class TrajectoryState(NamedTuple):
    """What is learned and the number of updates so far."""

    learned: LearnerState
    step: Array


class ExpertSample(NamedTuple):
    """One expert's path `f16[t p]`, at `expert_epochs`, and a place on it in [0, 1)."""

    path: Array
    place: Array


def shuffled(key: Key, total: int, steps: int, size: int) -> Array:
    """Rows of each step, `i32[steps size]`: passes over `total` in random order."""
    passes = -(-steps * size // total)
    shuffle = lambda k: jax.random.permutation(k, total)
    order = jax.vmap(shuffle)(jax.random.split(key, passes)).ravel()
    return order[: steps * size].reshape(steps, size)


def start_epoch(
    place: Array, step: Array, low: int, first_high: int, high: int, growth: int
) -> Array:
    """Epoch that a student starts from: uniform in a window that grows.

    The window is `low, ..., h - 1`, where h rises linearly from `first_high` to `high`
    over `growth` updates.

    Guo et al. (2024), DATM, arXiv:2310.05773, section 3.2.

    Args:
      place: `f32[]` in [0, 1).
      step: `i32[]`, updates so far.
      low: first epoch of the window.
      first_high: end of the window at step 0.
      high: its end from step `growth` on.
      growth: in updates; 0 gives the whole window at once.

    >>> [int(start_epoch(0.99, step, 0, 5, 10, 100)) for step in (0, 60, 100)]
    [4, 7, 9]
    """
    share = jnp.clip(step / growth, 0, 1) if growth else 1.0
    end = first_high + jnp.floor(share * (high - first_high))
    return (low + jnp.floor(place * (end - low))).astype(jnp.int32)


def checked_window(
    min_start: int, first_max_start: int, max_start: int, growth: int
) -> tuple[int, int, int, int]:
    """`low, first_high, high, growth` of `start_epoch`, refused where they clash."""
    first_end = first_max_start or max_start
    if not min_start < first_end <= max_start:
        raise InputError(
            f"trajectory windows from {min_start} to {first_end} and then {max_start}: "
            "min_start < first_max_start <= max_start is needed"
        )
    if bool(growth) != bool(first_max_start):
        raise InputError(
            f"trajectory windows: growth={growth} and "
            f"first_max_start={first_max_start}; the window grows from first_max_start "
            "to max_start over growth updates: give both or neither"
        )
    return min_start, first_end, max_start, growth


@reused
@passes_on(synthetic, "space", "clamp")
def trajectory_matching(
    model: Model,
    *,
    ipc: int,
    init: str = "real",
    experts: int = 10,
    expert_lr: float = 0.01,
    kept_epochs: int = 0,
    student_lr: float = 0.0,
    train_lr: float = 0.01,
    student_steps: int = 20,
    expert_epochs: int = 2,
    min_start: int = 0,
    max_start: int = 10,
    first_max_start: int = 0,
    growth: int = 0,
    batch_student: int = 0,
    tesla: bool = False,
    label_epoch: int = 0,
    augment_student: Callable[[Key, Array], Array] = unchanged,
    lr: float = 100.0,
    lr_lr: float = 1e-3,
    **images,
) -> Method:
    """Matching training trajectories (MTT), with difficulty-aligned windows (DATM).

    A student starts at epoch t of an expert, takes N steps
    `w <- w - a grad CE(A(x_B); w)` on the synthetic set and should arrive where the
    expert is M epochs later: `|| w_N - w*_{t+M} ||^2 / || w*_t - w*_{t+M} ||^2`.

    Cazenavette et al. (2022), arXiv:2203.11932, alg. 1; t as in `start_epoch`.
    Differs from the released code in: the learning rate a is learned as its logarithm,
    so that it stays positive; steps are computed again where a GiB does not hold the
    convolutions of all; with ZCA, augmentation comes before it; every draw
    follows from the key. Of DATM are the windows and the start of its labels, not its
    flat trajectories (FTD), the mean of images over updates, nor that updates of a loss
    above 1 are left out; labels descend with the momentum of the images (released: 0.9,
    which at the same lr_labels is five times as fast).

    Args:
      model: the network of the experts; one with batch statistics normalises each
        student step by those of its own batch.
      experts: networks trained as experts.
      expert_lr: their learning rate.
      kept_epochs: see `Experts`.
      student_lr: the first a; 0 is `train_lr`.
      train_lr: learning rate of training where it is not learned.
      student_steps: N.
      expert_epochs: M.
      min_start: first epoch that students start from.
      max_start: T, the first epoch that none starts from.
      first_max_start: T of the first update, where it grows; 0 is T.
      growth: updates over which it grows to T.
      batch_student: synthetic images a student step; 0 is all.
      tesla: drop the terms between steps (TESLA), for constant memory.
      label_epoch: of experts whose labels learned ones start from, as in DATM (there
        the last), see `labels_of_experts`; 0 starts from one-hot labels.
      augment_student: `(key, f32[n h w c]) -> f32[n h w c]`, with parameters for each
        image, for the student's batches.
      ipc: stored images a class.
      init: see `synthetic`.
      lr: learning rate of the stored images.
      lr_lr: learning rate of the logarithm of a.
      **images: see `synthetic`.

    Returns:
      A `Method` whose `sample` reads `Real.experts`.

    Raises:
      InputError: windows that hold no epoch; growth without a first end, or the other
        way round; labels of an expert where labels are not learned, or where it has
        batch statistics.
    """
    window = checked_window(min_start, first_max_start, max_start, growth)
    starts = range(min_start, max_start)
    targets = range(min_start + expert_epochs, max_start + expert_epochs)
    used = tuple(sorted({*starts, *targets, *([label_epoch] if label_epoch else [])}))
    first, target = used.index(min_start), used.index(min_start + expert_epochs)
    images |= {"train_lr": student_lr if switched_on(student_lr) else train_lr}
    learner = synthetic(
        ipc=ipc, init=init, lr=lr, lr_lr=lr_lr, space=model.space, **images
    )
    gradient = student_gradient(model, augment_student)
    if label_epoch and not switched_on(images.get("lr_labels", 0.0)):
        raise InputError(
            "distill.mtt.label_epoch: labels are not learned; give distill.lr_labels "
            "above 0"
        )
    if label_epoch and model.has_batch_stats:
        raise InputError(
            "distill.mtt.label_epoch: experts are stored without batch statistics; "
            "take another model.norm than batch"
        )

    def init(key: Key, real: Real) -> TrajectoryState:
        learned = learner.init(key, real)
        if label_epoch:
            weights = jnp.asarray(real.experts[:, used.index(label_epoch)], jnp.float32)
            made = learner.decode(learned.params)
            logits = labels_of_experts(model, weights, made)
            learned = learned._replace(params=learned.params | {"logits": logits})
        return TrajectoryState(learned, jnp.int32(0))

    def sample(key: Key, real: Real) -> ExpertSample:
        if real.experts is None or real.experts.shape[1] != len(used):
            raise ValueError(f"Real.experts has to hold the epochs {used}")
        expert_key, place_key = jax.random.split(key)
        expert = jax.random.randint(expert_key, (), 0, len(real.experts))
        return ExpertSample(
            jnp.asarray(real.experts)[expert], jax.random.uniform(place_key)
        )

    def update(key: Key, state: TrajectoryState, drawn: ExpertSample):
        order_key, augment_key = jax.random.split(key)
        at = start_epoch(drawn.place, state.step, *window) - min_start
        synthetic_batch, back = jax.vjp(
            lambda learned: flattened(learner.decode(learned)), state.learned.params
        )
        total = len(synthetic_batch.images)
        segment = TrajectorySegment(
            drawn.path[first + at].astype(jnp.float32),
            drawn.path[target + at].astype(jnp.float32),
            jax.random.split(augment_key, student_steps),
            shuffled(
                order_key, total, student_steps, min(batch_student or total, total)
            ),
        )
        loss, grad = (tesla_gradient if tesla else exact_gradient)(
            gradient, synthetic_batch, segment
        )
        learned = learner.update(state.learned, back(grad)[0])
        info = {"loss": loss, "student_lr": synthetic_batch.lr}
        return TrajectoryState(learned, state.step + 1), info

    return Method(
        init,
        sample,
        update,
        lambda state: learner.read(state.learned),
        experts=Experts(used, experts, expert_lr, kept_epochs),
        splits=not model.has_batch_stats,
    )
