"""From rows of the real data to trained networks: distil, then train, many at once."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.distill.base import Method, Real, blank, real_data
from dd_jax.distill.batched.batched_method import BatchedMethod
from dd_jax.distill.teacher_labels import Teacher
from dd_jax.distill.traced import steps_of
from dd_jax.runtime.advance import Advance
from dd_jax.runtime.loop import Diverged, run_loop
from dd_jax.runtime.parallel import everywhere, map_models, over_devices_in_use
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.runtime.stacked import repeated, row, stack_trees
from dd_jax.train.many import Loop, Schedule, train_on_rows, train_on_sets
from dd_jax.train.training import Trainer
from dd_jax.types import Array, InputError, Pipeline, Split, SyntheticSet, Trained

TrainExperts = Callable[..., np.ndarray]


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
      A `SyntheticSet` with a leading axis s, and the seconds that it took.

    Raises:
      Diverged: a loss is not finite, or a learned learning rate is not.
    """
    reals_of = partial(_reals, method, data)
    reals = reals_of(member)
    firsts = reals if initial is None else reals_of(initial)
    wanted = None if batched else method.experts or method.releases
    common, paths = _paths(wanted, keys, member, experts, share_experts)
    if method.experts:
        own = _of_each(len(keys), common, paths)
        firsts = [first._replace(experts=path) for first, path in zip(firsts, own)]
    split = jax.vmap(jax.random.split)(keys)
    states = [method.init(k, first) for k, first in zip(split[:, 0], firsts)]
    state = arrays_of_first(stack_trees(states))  # hosts may round differently
    seconds, noisy = 0.0, ()
    if method.steps:
        images, step_keys = jnp.asarray(reals[0].images), split[:, 1]
        if batched:
            union = real_data(images, data.labels, member.any(0))
            union, drawn = everywhere((union, jnp.asarray(member)))
            make, values = steps_of(batched)
            values = jax.tree.map(jnp.float32, values)
            advance = _batched_advance(
                _batched_distiller(make), step_keys[0], (union, drawn, values)
            )
        else:
            rows = jnp.stack([real.rows for real in reals])
            counts = jnp.stack([real.counts for real in reals])
            rows_of = images, reals[0].groups
            rows_of, common = everywhere((rows_of, common))
            make, values = steps_of(method)
            values = jax.tree.map(lambda v: jnp.full(len(keys), v), values)
            given = _given(method)
            if method.releases:  # a state that saw other noise is not continued
                noisy = (common if paths is None else paths,)
            program = _distiller(make, method.splits, given)
            each = rows, counts, paths, values
            advance = Advance(program, (rows_of, common), step_keys, each)
        state, seconds = loop(
            advance,
            state,
            total=schedule.total,
            per_call=schedule.per_call,
            inputs=(
                jax.random.key_data(keys),
                member,
                member if initial is None else initial,
                *noisy,
            ),
        )
    if method.made:
        _require_accounted(jax.vmap(method.made)(state), method)
    sets = jax.vmap(method.read)(state)
    if not (sets.lr > 0).all():
        raise Diverged("distil: the learned learning rate of the networks came to 0")
    if teacher:
        sets = _taught(teacher, sets, keys, member, experts, share_experts)
    return sets, seconds


def _taught(teacher, sets, keys, member, experts, share_experts) -> SyntheticSet:
    given = _paths(teacher.network, keys, member, experts, share_experts)
    networks = [own[0, 0] for own in _of_each(len(keys), *given)]
    return arrays_of_first(teacher.label(jnp.stack(networks), sets))


def _require_accounted(made: Array, method: Method) -> None:
    if (most := int(made.max())) > method.releases.count:
        raise InputError(
            f"{most} releases of private rows were made, by an error of the program, "
            f"where {method.releases.count} are accounted for; the set must not be "
            "published"
        )


def _given(method: Method) -> str:
    """The field of `Real` that holds what was made of the rows beforehand."""
    if not method.releases:
        return "experts"
    return "secret" if method.releases.in_steps else "released"


def _reals(method: Method, data: Split, members: np.ndarray) -> list[Real]:
    if method.releases and not method.releases.in_steps:
        public = blank(data.images.shape[1:], int(data.labels.max()) + 1)
        return [public] * len(members)
    return [real_data(data.images, data.labels, row, data.groups) for row in members]


def _batched_advance(run: Callable, key, rest: tuple) -> Callable:
    def advance(state, first, last):
        state, loss = run(key, state, *rest, first, last)
        return state, {"loss": loss}

    return advance


def _of_each(count: int, common, paths) -> list[Array]:
    """What is made beforehand, for each distiller."""
    return [common] * count if paths is None else list(paths)


def _paths(wanted, keys, member, experts, share_experts):
    """What is made beforehand for all distillers, and for each with an axis more."""
    if not wanted:
        return None, None
    if share_experts:
        return jnp.asarray(experts(keys[0], np.flatnonzero(member[0]), wanted)), None
    each = [experts(k, np.flatnonzero(row), wanted) for k, row in zip(keys, member)]
    return None, jnp.stack(each)


def distil_then_train(
    method: Method,
    trainer: Trainer,
    data: Split,
    steps: Schedule,
    epochs: Schedule,
    loops: tuple[Loop, Loop] = (run_loop, run_loop),
    experts: TrainExperts | None = None,
    *,
    batched: BatchedMethod | None = None,
    teacher: Teacher | None = None,
) -> Pipeline:
    """The pipeline that distils its rows and trains on the result.

    Selection methods, the random subset among them, make pipelines in the same way.

    Args:
      method: the distillation or selection method.
      trainer: the training recipe.
      data: the real rows, n of them.
      steps: of distillation.
      epochs: of training.
      loops: drive the compiled steps of distillation and of training.
      experts: see `distil_many`.
      batched: see `distil_many`.
      teacher: see `distil_many`.
    """

    def sets_of(keys, member, initial=None):
        return distil_many(
            method,
            keys,
            data,
            member,
            steps,
            loops[0],
            experts,
            initial=initial,
            batched=batched,
            teacher=teacher,
        )[0]

    def networks(keys, sets):
        return Trained(train_on_sets(trainer, keys, sets, epochs, loops[1])[0])

    def many(keys, member, initial=None):
        split = jax.vmap(jax.random.split)(keys)
        sets = sets_of(split[:, 0], member, initial)
        return sets, networks(split[:, 1], sets)

    def distil(key, idx):
        member = np.zeros((1, len(data.labels)), bool)
        member[0, idx] = True
        return row(sets_of(key[None], member), 0)

    network = lambda key, one: row(networks(key[None], repeated(one, 1)), 0)
    return Pipeline(distil, network, many)


def train_on_data(
    trainer: Trainer, data: Split, lr: float, epochs: Schedule, loop: Loop = run_loop
) -> Pipeline:
    """The pipeline that trains on the real rows themselves.

    Args:
      trainer: the training recipe.
      data: the real rows, n of them.
      lr: learning rate.
      epochs: of training.
      loop: drives training.
    """

    def networks(keys, rows):
        params, _ = train_on_rows(trainer, keys, data, rows, lr, epochs, loop)
        return Trained(params)

    def many(keys, member):
        rows = np.stack([np.flatnonzero(row) for row in member])
        return None, networks(keys, rows)

    network = lambda key, idx: row(networks(key[None], idx[None]), 0)
    return Pipeline(None, network, many)
