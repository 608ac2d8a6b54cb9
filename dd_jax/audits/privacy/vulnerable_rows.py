"""The training rows that are inferred best, a table for their owner."""

import csv
import io
from collections.abc import Mapping, Sequence

import chex
import jax.numpy as jnp
import numpy as np

from dd_jax.audits.privacy.lira import variance_used
from dd_jax.audits.privacy.signals import scaled_logits
from dd_jax.types import Array

COLUMNS = ("rank", "row", "class", "group", "canary", "vulnerability")
_LEAST_STD = 1e-6


def vulnerability(logits: Array, labels: np.ndarray, member: np.ndarray) -> np.ndarray:
    """How far models with a row differ from models without it.

    `(mean_in - mean_out) / s` of scaled logits, averaged over queries, with
    `s^2 = (var_in + var_out) / 2`: the power of a likelihood-ratio attack on this row.
    As in LiRA, s is of all rows below 64 shadows, and of the row itself from there on.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.
      member: `bool[m n]`, every row in some models and not in others.

    Returns:
      `f64[n]`; 0 on average where nothing leaks.

    Source: Carlini et al. 2022, "The privacy onion effect", which ranks rows by how
    well they are inferred. Differs in: a difference in standard deviations, which few
    models resolve better than a rate.

    >>> logits = jnp.array([[2.0, 0.0], [0.0, 0.0], [3.0, 0.0], [1.0, 0.0]])
    >>> member = np.array([[True], [False], [True], [False]])
    >>> vulnerability(logits[:, None, None], np.array([0]), member).round(3)
    array([4.])
    """
    chex.assert_rank([logits, labels, member], [4, 1, 2])
    signal = np.asarray(scaled_logits(jnp.asarray(logits), jnp.asarray(labels)))
    signal = signal.mean(-1).astype(np.float64)
    sides = [np.where(side, signal, np.nan) for side in (member, ~member)]
    inside, outside = (np.nanmean(side, axis=0) for side in sides)
    variances = np.mean([np.nanvar(side, axis=0) for side in sides], axis=0)
    if variance_used(len(member)) == "fixed":
        variances = variances.mean()
    return (inside - outside) / np.maximum(np.sqrt(variances), _LEAST_STD)


def table(
    values: np.ndarray,
    rows: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray | None,
    canaries: Sequence[str],
    found: Mapping[str, np.ndarray],
) -> bytes:
    """Rows as CSV, the most vulnerable first.

    Args:
      values: `f64[n]`, by `vulnerability`.
      rows: `i64[n]`, their places in train.
      classes: the name of each row's class.
      groups: `i[n]`, None without groups.
      canaries: the kind of each canary, empty for other rows.
      found: `{score: f64[n]}`, of the models with a row the share in which this score
        calls it a member, NaN where not known.

    Returns:
      UTF-8 with a header, `COLUMNS` and `found_SCORE` of each score; a group or share
      that is not known is empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, *(f"found_{name}" for name in found)))
    for rank, i in enumerate(np.argsort(-values, kind="stable"), 1):
        group = "" if groups is None else int(groups[i])
        cells = int(rows[i]), classes[i], group, canaries[i], f"{values[i]:.3f}"
        shares = (own[i] for own in found.values())
        rates = ("" if np.isnan(share) else f"{share:.2f}" for share in shares)
        writer.writerow((rank, *cells, *rates))
    return text.getvalue().encode()
