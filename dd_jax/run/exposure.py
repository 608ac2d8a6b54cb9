"""The membership audit of a run: shadows of every pipeline, under every threat."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy import (
    judge,
    pool_repeats,
    queries,
    query_logits,
    save_scores,
)
from dd_jax.audits.privacy.canaries import planted_masks
from dd_jax.audits.privacy.membership import audited
from dd_jax.audits.privacy.scores import score_of
from dd_jax.catalogue import arguments, entry
from dd_jax.data import initial_masks
from dd_jax.run import stages as compose
from dd_jax.run.context import Parts, learns, own_options
from dd_jax.run.context import planted as planted_rows
from dd_jax.runtime.keys import integer, named, stack
from dd_jax.system.progress import progress
from dd_jax.types import Array, Params, Split, SyntheticSet

PIPES = ("distilled", "random_subset", "full_data")


class Asked(NamedTuple):
    """What the models of a pipeline say of the audited rows under one threat.

    Attributes:
      logits: `f32[m r q k]`.
      member: `bool[m r]`.
      rows: `i64[r]`, of train.
      labels: `i32[r]`, as the models were given them.
      canary: `i64[r]`, see `canaries.Planted`.
    """

    logits: Array
    member: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    canary: np.ndarray


def measure(parts: Parts) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attacks every pipeline under the threats of `audits.privacy.threats`.

    T1 and T2 look at the same shadows, each distilled from its half of train; T0 needs
    others, which all distil the whole of train from first images of their own. What is
    not defined is None: T0 unless the first images are random real ones, T0 and T1 of
    full data.

    Returns:
      `({PIPE: {THREAT: {SCORE: figures}}}, {PIPE: {THREAT: {SCORE: points}}})`: the
      `privacy` part of the Record, and the ROC curves. Writes a score file for each.
    """
    audit, groups = parts.config.audits.privacy, parts.dataset.train.groups
    seed = integer(parts.key("intervals"))
    record, curves = {}, {}
    for pipe in PIPES:
        found = _answers(parts, pipe)
        record[pipe], curves[pipe] = dict.fromkeys(found), {}
        for threat, asked in found.items():
            if asked is None:
                continue
            group = None if groups is None else groups[asked.rows]
            by_class = {"by_class": asked.labels}
            slices = by_class if group is None else by_class | {"by_group": group}
            with progress(f"membership scores, {pipe}, {threat}", 1):
                judged = judge(
                    asked.logits,
                    asked.labels,
                    asked.member,
                    scores=audit.scores,
                    seed=seed,
                    options=_options(parts),
                    slices=slices,
                    canary=asked.canary,
                    shared=_shared(parts, pipe),
                )
            record[pipe][threat], curves[pipe][threat] = judged
            save_scores(
                parts.folder / _file(pipe, threat, found),
                asked.logits,
                asked.labels,
                asked.member,
                asked.rows,
                group,
                threat,
                canary=asked.canary,
                shared=_shared(parts, pipe),
                seed=seed,
            )
    return record, curves


def _options(parts: Parts) -> dict[str, dict]:
    """The options of each score, from the keys of the audit and its own."""
    audit = parts.config.audits.privacy
    return {
        name: arguments(
            entry("score", name),
            own_options(parts.config, "score", name),
            audit.to_dict(),
            score_of(name).compare,
        )
        for name in audit.scores
    }


def _file(pipe: str, threat: str, found: dict[str, Asked | None]) -> str:
    """`scores.npz` is the distilled set under the first threat that is defined."""
    first = next(name for name, asked in found.items() if asked is not None)
    named = pipe == "distilled" and threat == first
    return "scores.npz" if named else f"scores_{pipe}_{threat}.npz"


def _answers(parts: Parts, pipe: str) -> dict[str, Asked | None]:
    """The answers of the models of a pipeline by threat, None where not defined."""
    found: dict[str, Asked | None] = dict.fromkeys(parts.config.audits.privacy.threats)
    released = set(found) & {"t1", "t2"}
    if pipe == "full_data":
        released -= {"t1"}
    if "t0" in found and _starts_from_random_rows(parts, pipe):
        found["t0"] = _of_initial_images(parts, pipe)
    if released:
        found |= _of_released(parts, pipe, released)
    return found


def _starts_from_random_rows(parts: Parts, pipe: str) -> bool:
    distill = parts.config.distill
    if pipe == "distilled" and learns(parts.config):
        return distill.init == "real"
    name = distill.method if pipe == "distilled" else "random"
    return name == "random" and pipe != "full_data"


def _masks(parts: Parts, name: str) -> tuple[int, int]:
    """Seed and number of pairs of models, with the targets of joint shadows."""
    audit = parts.config.audits.privacy
    models = audit.shadows + (audit.targets if audit.joint else 0)
    return integer(parts.key(name)), models // 2


def _shared(parts: Parts, pipe: str) -> int:
    """How many first models of a pipeline share their random numbers."""
    audit = parts.config.audits.privacy
    return audit.shadows if audit.joint and pipe == "distilled" else 0


def _of_initial_images(parts: Parts, pipe: str) -> Asked:
    """T0: members are the rows that a model's first images were made from."""
    data = parts.dataset.train
    seed, pairs = _masks(parts, "initial masks")
    member = initial_masks(seed, data.labels, pairs, parts.config.distill.ipc)
    rows = audited(member)
    _, params = _shadows(parts, pipe, data, member, initial_only=True)
    logits = _ask(parts, params, data, rows)
    nothing = np.full(len(rows), -1)
    return Asked(logits, member[:, rows], rows, data.labels[rows], nothing)


def _of_released(parts: Parts, pipe: str, threats: set[str]) -> dict[str, Asked]:
    """T1 and T2: members are all rows of the half that was distilled."""
    config = parts.config
    planted = planted_rows(config, parts.dataset)
    data = planted.split
    seed, pairs = _masks(parts, "masks")
    own = planted_masks(seed, planted, pairs, at_least=config.distill.ipc)
    sets, params = _shadows(parts, pipe, data, own[:, planted.source])
    rows = _some(parts, audited(own), planted.kind)
    labels = data.labels[rows]
    about = own[:, rows], rows, labels, planted.kind[rows]
    once = _ask(parts, params, data, rows)
    found = {"t2": Asked(once, *about)}
    if sets is not None and "t1" in threats:
        several = [once, *_repeats(parts, pipe, sets, data, rows)]
        pooled = pool_repeats(jnp.stack(several, axis=2), jnp.asarray(labels))
        found["t1"] = Asked(pooled, *about)
    return {threat: found[threat] for threat in sorted(threats)}


def _some(parts: Parts, rows: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """All canaries and so many ordinary rows as are to be asked about."""
    ordinary, limit = rows[kind[rows] < 0], parts.config.audits.privacy.rows
    if not 0 < limit < len(ordinary):
        return rows
    rng = np.random.default_rng(integer(parts.key("audited rows")))
    kept = rng.choice(ordinary, limit, replace=False)
    return np.sort(np.concatenate([kept, rows[kind[rows] >= 0]]))


def _shadows(
    parts: Parts, pipe: str, data: Split, member: np.ndarray, **kw: Any
) -> tuple[SyntheticSet | None, Params]:
    """Sets and networks of a pipeline, one for each row of `member`."""
    key = parts.key(f"shadows {pipe}")
    keys = stack(named(key, "initial") if kw else key, len(member))
    run = lambda rows, **form: compose.shadow_pipeline(
        parts, pipe, data, **kw, **form
    ).many(keys[rows], member[rows])
    shared = _shared(parts, pipe)
    if not shared:
        sets, trained = run(slice(None))
        return sets, trained.params
    both = run(slice(shared), joint=True), run(slice(shared, None))
    sets, trained = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *both)
    return sets, trained.params


def _repeats(
    parts: Parts, pipe: str, sets: SyntheticSet, data: Split, rows: np.ndarray
) -> list[Array]:
    """What further networks on the same sets say, a repeat at a time."""
    answers = []
    for i in range(1, parts.config.audits.privacy.repeats):
        keys = stack(parts.key(f"shadows {pipe} {i}"), len(sets.images))
        params = compose.shadow_networks(parts, pipe, keys, sets)
        answers.append(_ask(parts, params, data, rows))
    return answers


def _ask(parts: Parts, params: Params, data: Split, rows: np.ndarray) -> Array:
    shown = queries(
        flip="flip" in parts.config.train.augment,
        shift=parts.config.audits.privacy.query_shift,
    )
    images = jnp.asarray(data.images[rows])
    return query_logits(parts.model.apply, params, images, shown)
