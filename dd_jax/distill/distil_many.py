"""Distillations of many sets at once, each from its own rows."""

import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.distill.base import Method, Real, blank, real_data
from dd_jax.distill.batched.batched_method import BatchedMethod
from dd_jax.distill.precomputed import (
    Precomputed,
    TrainExperts,
    field_of,
    precompute,
)
from dd_jax.distill.teacher_labels import Teacher
from dd_jax.distill.traced import steps_of
from dd_jax.runtime.advance import Advance
from dd_jax.runtime.loop import Diverged, run_loop
from dd_jax.runtime.parallel import everywhere, map_models, over_devices_in_use
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.runtime.stacked import stack_trees
from dd_jax.train.many import Loop, Schedule
from dd_jax.types import Array, InputError, Split, SyntheticSet


def _steps(sample: Callable, update: Callable, key, state, first, last):
    """Steps `first` to `last`, each by its own keys; the state and the mean loss."""

    def body(step, carry):
        state, total = carry
        sample_key, update_key = jax.random.split(jax.random.fold_in(key, step))
        state, info = update(update_key, state, sample(sample_key))
        return state, total + info["loss"]

    state, total = lax.fori_loop(first, last, body, (state, jnp.float32(0)))
    return state, total / (last - first)


@reused
def _distiller(make: Callable, splits: bool, given: str):
    """The compiled steps; methods share them that differ in `init` or traced values.

    Args:
      make: see `Traced`.
      splits: see `Method`.
      given: the field of `Real` that holds what was made of the rows beforehand.
    """

    def one(shared, key, state, rows, counts, own, values):
        (images, groups), common, first, last = shared
        made = own if common is None else common
        real = Real(images, rows, counts, groups=groups)._replace(**{given: made})
        steps = make(values)
        sample = lambda k: steps.sample(k, real)
        return _steps(sample, steps.update, key, state, first, last)

    return map_models(one, donate=(2,), splits=splits)


@reused
def _batched_distiller(make: Callable):
    """The same of many distillations that share their random numbers."""

    def run(key, states, real, member, values, first, last):
        steps = make(values)
        sample = lambda k: steps.sample(k, real, member)
        return _steps(sample, steps.update, key, states, first, last)

    return over_devices_in_use(run, donate=(1,))


def distil_many(
    method: Method,
    keys: Array,
    data: Split,
    member: np.ndarray,
    schedule: Schedule,
    loop: Loop = run_loop,
    experts: TrainExperts | None = None,
    *,
    initial: np.ndarray | None = None,
    batched: BatchedMethod | None = None,
    share_experts: bool = False,
    teacher: Teacher | None = None,
) -> tuple[SyntheticSet, float]:
    """Distils s sets at once, each from its own rows.

    Args:
      method: a distillation or selection method.
      keys: `key[s]`.
      data: the real rows, n of them.
      member: `bool[s n]`, the rows given to each distiller.
      schedule: steps.
      loop: drives the compiled steps.
      experts: `(key, rows i32[m], distill.base.Experts) -> f16[e t p]`, for methods
        that follow experts; of a method for private rows, with its `Releases`, what
        they release, `f32[r k d]`, and it then sees nothing else of them, or the
        secret of releases that its steps make, `u32[2]`.
      initial: `bool[s n]`, the rows that the first images are made from; default
        `member`.
      batched: steps of all sets in one batch, by the random numbers of the first;
        default each its own.
      share_experts: whether all follow the experts of the first, which have to have the
        same rows; default each its own.
      teacher: gives the sets their labels; `experts` trains its network.

    Returns:
      A `SyntheticSet` with a leading axis s, and the seconds of its steps, or of the
      selection by a method without steps.

    Raises:
      Diverged: a loss is not finite, or a learned learning rate is not.
    """
    reals_of = partial(_reals, method, data)
    reals = reals_of(member)
    firsts = reals if initial is None else reals_of(initial)
    wanted = None if batched else method.experts or method.releases
    computed = precompute(wanted, keys, member, experts, share_experts)
    init_keys, step_keys = jax.vmap(jax.random.split)(keys).swapaxes(0, 1)
    begin = time.perf_counter()
    state = jax.block_until_ready(_initial(method, init_keys, firsts, computed))
    seconds = time.perf_counter() - begin
    if method.steps:
        if batched:
            union = real_data(reals[0].images, data.labels, member.any(0))
            advance = _advance_batched(batched, step_keys[0], union, member)
        else:
            advance = _advance_each(method, step_keys, reals, computed)
        inputs = [jax.random.key_data(keys), member]
        inputs.append(member if initial is None else initial)
        if method.releases and not batched:
            inputs.append(computed.made)  # other noise needs another state
        state, seconds = loop(
            advance,
            state,
            total=schedule.total,
            per_call=schedule.per_call,
            inputs=tuple(inputs),
        )
    if method.made:
        _require_accounted(jax.vmap(method.made)(state), method)
    sets = jax.vmap(method.read)(state)
    if not (sets.lr > 0).all():
        raise Diverged("distil: the learned learning rate of the networks came to 0")
    if teacher:
        given = precompute(teacher.network, keys, member, experts, share_experts)
        networks = jnp.stack([own[0, 0] for own in given.of(len(keys))])
        sets = arrays_of_first(teacher.label(networks, sets))
    return sets, seconds


def _initial(method: Method, keys, reals: list[Real], computed: Precomputed):
    """The states before the first step."""
    if method.experts:
        own = computed.of(len(keys))
        reals = [real._replace(experts=path) for real, path in zip(reals, own)]
    states = [method.init(k, real) for k, real in zip(keys, reals)]
    return arrays_of_first(stack_trees(states))  # hosts may round differently


def _advance_each(method: Method, keys, reals: list[Real], computed) -> Advance:
    """The steps of distillations that have their own random numbers."""
    rows = jnp.stack([real.rows for real in reals])
    counts = jnp.stack([real.counts for real in reals])
    rows_of = jnp.asarray(reals[0].images), reals[0].groups
    shared = everywhere((rows_of, computed.common))
    make, values = steps_of(method)
    values = jax.tree.map(lambda v: jnp.full(len(keys), v), values)
    program = _distiller(make, method.splits, field_of(method))
    return Advance(program, shared, keys, (rows, counts, computed.each, values))


def _advance_batched(batched: BatchedMethod, key, union: Real, member) -> Callable:
    """The steps of distillations that share their random numbers."""
    make, values = steps_of(batched)
    run, values = _batched_distiller(make), jax.tree.map(jnp.float32, values)
    real, drawn = everywhere((union, jnp.asarray(member)))

    def advance(state, first, last):
        state, loss = run(key, state, real, drawn, values, first, last)
        return state, {"loss": loss}

    return advance


def _require_accounted(made: Array, method: Method) -> None:
    if (most := int(made.max())) > method.releases.count:
        raise InputError(
            f"{most} releases of private rows were made, by an error of the program, "
            f"where {method.releases.count} are accounted for; the set must not be "
            "published"
        )


def _reals(method: Method, data: Split, members: np.ndarray) -> list[Real]:
    if method.releases and not method.releases.in_steps:
        public = blank(data.images.shape[1:], int(data.labels.max()) + 1)
        return [public] * len(members)
    return [real_data(data.images, data.labels, row, data.groups) for row in members]
