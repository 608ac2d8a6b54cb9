"""Logits of shadow models of every pipeline, under every threat.

T0 infers which rows the initial images were made from; T1 which rows were distilled,
by an attacker who has the released set and trains on it; T2 the same, by an attacker
who has one trained network.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.audit import ON_ROWS, Context
from dd_jax.audits.privacy.canaries import CanaryDataset, canary_masks, insert_canaries
from dd_jax.audits.privacy.el2n import el2n
from dd_jax.audits.privacy.membership import audited_rows
from dd_jax.audits.privacy.signals import pool_repeats, queries, query_logits
from dd_jax.data import initial_masks, starting_rows
from dd_jax.runtime.keys import integer, named, stack
from dd_jax.runtime.sent import arrays_of_first
from dd_jax.runtime.stacked import join_trees
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import Array, Key, Params, Split, SyntheticSet


class QueryResult(NamedTuple):
    """Logits of a pipeline's models on the audited rows under one threat.

    Attributes:
      logits: `f32[m r q k]`.
      member: `bool[m r]`.
      rows: `i64[r]`, of train.
      labels: `i32[r]`, as the models were given them.
      canary: `i64[r]`, see `canaries.CanaryDataset`.
      initial: `bool[m r]`, members that the model's initial images were made from; None
        where that is not known.
    """

    logits: Array
    member: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    canary: np.ndarray
    initial: np.ndarray | None = None


def drawn_canaries(context: Context) -> CanaryDataset:
    """Train with its canaries but the hardest rows, which only networks know."""
    options, seed = context.options, integer(context.key("canaries"))
    rows = context.dataset.train
    return insert_canaries(seed, rows, options.canaries, options.canary_kinds)


def canary_dataset(context: Context) -> CanaryDataset:
    """Train as shadows get it, with its canaries."""
    options, train = context.options, context.dataset.train
    hardness = None
    if options.canaries and "hardest" in options.canary_kinds:
        images = jnp.asarray(train.images)
        logits = logits_of_each(context.model, context.shadows.early(), images)
        hardness = arrays_of_first(el2n(np.asarray(logits), train.labels))
    seed = integer(context.key("canaries"))
    kinds = options.canary_kinds
    return insert_canaries(seed, train, options.canaries, kinds, hardness)


def query_models(context: Context, pipe: str) -> dict[str, QueryResult | None]:
    """The logits of a pipeline's models, by threat; None where it is not defined."""
    results: dict[str, QueryResult | None] = dict.fromkeys(context.options.threats)
    defined = _defined(context, pipe)
    if "t0" in defined:
        results["t0"] = _query_initial_images(context, pipe)
    if released := defined - {"t0"}:
        results |= _query_released(context, pipe, released)
    return results


def train_shadows(context: Context, pipe: str) -> None:
    """Makes the models that `query_models` needs, without the queries."""
    defined = _defined(context, pipe) if context.shadows else set()
    if "t0" in defined:
        _initial_shadows(context, pipe)
    if defined - {"t0"}:
        made = _released_shadows(context, pipe)
        for sets, first in _attacked_sets(context, made.sets, defined).values():
            for _ in _retrained(context, pipe, sets, first):
                pass


def _defined(context: Context, pipe: str) -> set[str]:
    """The threats of the options that make sense for a pipeline."""
    random_starts = pipe in context.shadows.random_starts
    undefined = set() if random_starts else {"t0"}
    if pipe in ON_ROWS:
        undefined |= {"t1", "t1_images"}
    return set(context.options.threats) - undefined


def _masks(context: Context, name: str) -> tuple[int, int]:
    """Seed and number of pairs of models, the targets of joint shadows included."""
    options = context.options
    models = options.shadows + (options.targets if options.joint else 0)
    return integer(context.key(name)), models // 2


def worst_case(context: Context) -> bool:
    """Whether shadows share a fixed bulk, and differ in canaries alone."""
    return context.options.protocol == "canaries"


def shared_models(context: Context, pipe: str) -> int:
    """How many first models of a pipeline share their random numbers."""
    options = context.options
    return options.shadows if options.joint and pipe == "distilled" else 0


class _Made(NamedTuple):
    """Shadows and what they were given; see `QueryResult`."""

    canaries: CanaryDataset
    member: np.ndarray
    initial: np.ndarray | None
    sets: SyntheticSet | None
    params: Params


def _initial_shadows(context: Context, pipe: str) -> _Made:
    """Shadows of all rows; members are those that initial images were made from.

    In the worst-case protocol these are canaries, as far as classes have them.
    """
    train = context.dataset.train
    every = np.arange(len(train.labels))
    none = CanaryDataset(train, np.full_like(every, -1), every)
    canaries = canary_dataset(context) if worst_case(context) else none
    data, rows = canaries.split, len(canaries.kind)
    seed, pairs = _masks(context, "initial masks")
    initial = np.zeros((2 * pairs, len(data.labels)), bool)
    initial[:, :rows] = initial_masks(
        seed, data.labels[:rows], pairs, context.ipc, canaries.kind >= 0
    )
    key = named(context.key(f"shadows {pipe}"), "initial")
    made = _shadows(context, pipe, key, data, np.ones_like(initial), initial)
    return _Made(canaries, initial[:, :rows], None, *made)


def _released_shadows(context: Context, pipe: str) -> _Made:
    canaries = canary_dataset(context)
    seed, pairs = _masks(context, "masks")
    member = canary_masks(
        seed,
        canaries,
        pairs,
        at_least=context.ipc,
        fixed_bulk=worst_case(context),
    )
    key, rows = context.key(f"shadows {pipe}"), [member[:, canaries.source]]
    initial = None
    if worst_case(context) and pipe in context.shadows.random_starts:
        seed = integer(context.key(f"starting rows {pipe}"))
        count = context.shadows.random_starts[pipe]
        rows.append(starting_rows(seed, canaries.split.labels, *rows, count))
        initial = _of_sources(rows[1], canaries.source)
    made = _shadows(context, pipe, key, canaries.split, *rows)
    return _Made(canaries, member, initial, *made)


def _of_sources(rows: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Whether a row or any of its copies is marked, `bool[m n]` of `bool[m n+c]`."""
    found = np.zeros((len(rows), source.max() + 1), bool)
    np.logical_or.at(found, (slice(None), source), rows)
    return found


def _query_initial_images(context: Context, pipe: str) -> QueryResult:
    """T0: members are the rows that a model's initial images were made from."""
    canaries, member, _, _, params = _initial_shadows(context, pipe)
    data, kind = canaries.split, canaries.kind
    rows = audited_rows(member)
    if worst_case(context):
        rows = rows[kind[rows] >= 0]
    logits = _query(context, params, data, rows)
    return QueryResult(logits, member[:, rows], rows, data.labels[rows], kind[rows])


def _query_released(
    context: Context, pipe: str, threats: set[str]
) -> dict[str, QueryResult]:
    """T1 and T2: members are all rows that were distilled."""
    canaries, member, initial, sets, params = _released_shadows(context, pipe)
    data = canaries.split
    rows = _limited_rows(context, audited_rows(member), canaries.kind)
    labels = data.labels[rows]
    initial = None if initial is None else initial[:, rows]
    about = member[:, rows], rows, labels, canaries.kind[rows], initial
    once = _query(context, params, data, rows)
    results = {"t2": QueryResult(once, *about)}
    for threat, (attacked, first) in _attacked_sets(context, sets, threats).items():
        repeats = _retrained(context, pipe, attacked, first)
        several = [once] * first + [_query(context, p, data, rows) for p in repeats]
        pooled = pool_repeats(jnp.stack(several, axis=2), jnp.asarray(labels))
        results[threat] = QueryResult(pooled, *about)
    return {threat: results[threat] for threat in sorted(threats & set(results))}


def _attacked_sets(
    context: Context, sets: SyntheticSet | None, threats: set[str]
) -> dict[str, tuple[SyntheticSet, int]]:
    """What attackers who train networks have, and how many of these are there already.

    Images with one-hot labels are another release only where labels are soft.
    """
    found = {}
    if sets is not None and "t1" in threats:
        found["t1"] = sets, 1
    if sets is not None and "t1_images" in threats:
        hard = sets.with_hard_labels
        if (hard.labels != sets.labels).any():
            found["t1_images"] = hard, 0
    return found


def _limited_rows(context: Context, rows: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """All canaries, and as many random ordinary rows as the options say."""
    ordinary, limit = rows[kind[rows] < 0], context.options.rows
    if not 0 < limit < len(ordinary):
        return rows
    rng = np.random.default_rng(integer(context.key("audited rows")))
    chosen = rng.choice(ordinary, limit, replace=False)
    return np.sort(np.concatenate([chosen, rows[kind[rows] >= 0]]))


def _shadows(
    context: Context, pipe: str, key: Key, data: Split, *rows: np.ndarray
) -> tuple[SyntheticSet | None, Params]:
    """Sets and networks of a pipeline: `Shadows.make` of each row of `rows`."""
    keys = stack(key, len(rows[0]))
    make = lambda which, **form: context.shadows.make(
        pipe, keys[which], data, *(each[which] for each in rows), **form
    )
    shared = shared_models(context, pipe)
    if not shared:
        return make(slice(None))
    both = make(slice(shared), joint=True), make(slice(shared, None))
    return join_trees(both)


def _retrained(
    context: Context, pipe: str, sets: SyntheticSet, first: int
) -> Iterator[Params]:
    """Networks on sets that are there, from one repeat on, a repeat at a time."""
    for i in range(first, context.options.repeats):
        keys = stack(context.key(f"shadows {pipe} {i}"), len(sets.images))
        yield context.shadows.retrain(pipe, keys, sets)


def _query(context: Context, params: Params, data: Split, rows: np.ndarray) -> Array:
    """Logits `f32[m r q k]` of all models on the queries of the audited rows."""
    augmented = queries(flip=context.shadows.flips, shift=context.options.query_shift)
    images = jnp.asarray(data.images[rows])
    return query_logits(context.model.apply, params, images, augmented)
