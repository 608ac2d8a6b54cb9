"""The membership audit: shadows of a whole pipeline, each in turn the target."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy import metrics
from dd_jax.audits.privacy.lira import variance_used
from dd_jax.audits.privacy.roc import roc_points
from dd_jax.audits.privacy.scores import all_targets
from dd_jax.audits.privacy.signals import queries, query_logits
from dd_jax.types import Array, Model, Pipeline, Split


class Membership(NamedTuple):
    """What shadows of one pipeline give away.

    Attributes:
      record: `{score: figures}`, the part of a Record for one threat.
      curves: `{score: [[fpr, tpr], ...]}`.
      logits: `f32[m r q k]`.
      rows: `i64[r]`, the audited rows of the data.
    """

    record: dict[str, Any]
    curves: dict[str, list]
    logits: np.ndarray
    rows: np.ndarray


def audited(member: np.ndarray) -> np.ndarray:
    """Rows that every pair of models shares out: `i64[r]`.

    Where the number of rows is odd, each pair leaves one out on both sides.

    >>> audited(np.array([[True, False, False], [False, True, False]]))
    array([0, 1])
    """
    return np.flatnonzero((member[::2] != member[1::2]).all(0))


def audit(
    keys: Array,
    pipeline: Pipeline,
    model: Model,
    data: Split,
    member: np.ndarray,
    *,
    scores: tuple[str, ...],
    flip: bool,
    seed: int,
) -> Membership:
    """Runs the pipeline on every half of the data and attacks each model in turn.

    The threat is T2: one model trained on the released set answers with its logits.

    Args:
      keys: `key[m]`, one a shadow.
      pipeline: what turns rows into a network.
      model: the architecture that it trains.
      data: the rows, n of them, that members are drawn from.
      member: `bool[m n]`; rows 2i and 2i+1 are complements on the `audited` rows.
      scores: names in `SCORES`.
      flip: whether the mirrored image is a query too.
      seed: of the intervals.
    """
    _, trained = pipeline.many(keys, member)
    rows = audited(member)
    images = jnp.asarray(data.images[rows])
    logits = query_logits(model.apply, trained.params, images, queries(flip=flip))
    labels, member = jnp.asarray(data.labels[rows]), member[:, rows]
    record, curves = {}, {}
    for name in scores:
        values = np.asarray(all_targets(name, logits, labels, member))
        record[name] = metrics.summarise(values, member, seed=seed)
        if name.startswith("lira"):
            record[name]["variance"] = variance_used(len(member))
        points = roc_points(values, member)
        curves[name] = [list(pair) for pair in zip(points["fpr"], points["tpr"])]
    return Membership(record, curves, np.asarray(logits), rows)
