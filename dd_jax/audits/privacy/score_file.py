"""The file `scores.npz`: all that the membership figures are computed from."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dd_jax.catalogue.rules import THREATS
from dd_jax.system.archive import read_npz
from dd_jax.system.workdir import write_npz
from dd_jax.types import InputError

_KINDS = {
    "logits": "f",
    "member": "b",
    "initial": "b",
    "threat": "U",
}  # others are whole numbers


class ScoreFile(NamedTuple):
    """The arrays of `scores.npz`; see `save_scores`."""

    logits: np.ndarray
    labels: np.ndarray
    member: np.ndarray
    index: np.ndarray
    group: np.ndarray
    canary: np.ndarray
    initial: np.ndarray
    shared: np.ndarray
    seed: np.ndarray
    threat: str


def save_scores(
    path: str | os.PathLike[str],
    logits: Any,
    labels: Any,
    member: Any,
    index: Any,
    group: Any,
    threat: str,
    *,
    canary: Any = None,
    initial: Any = None,
    shared: int = 0,
    seed: int = 0,
) -> None:
    """Writes the logits of every model on every point, to recompute all figures.

    The file is an `.npz` that NumPy reads without this package. Models `2i` and
    `2i+1` were given complementary halves of the points. Each model t from `shared` on
    is the target once; its shadows are all models other than `t` and `t ^ 1`. To
    recompute a figure: score `logits[t]` against `logits[shadows]`, compare with
    `member[t]` on the points with `canary < 0` (on all, where none is), and pool or
    average over t as in `metrics.summarise`; or call `evaluate_membership` with these
    arrays.

    Args:
      path: the file; it appears whole or not at all.
      logits: `f32[models n queries k]`, before the softmax; query 0 is the image
        itself.
      labels: `i32[n]`.
      member: `bool[models n]`, true where the model was given the point.
      index: `i32[n]`, row of each point in the train split.
      group: `i32[n]` group of each point, or None: stored as -1.
      threat: what the attacker has: `t0` (members are the images used as
        initialisation), `t1` (the synthetic set; the logits of several networks
        trained on it are pooled by `signals.pool_repeats`) or `t2` (one model).
      canary: `i32[n]`, index in `canaries.KINDS`, -1 for ordinary points; default all.
      initial: `bool[models n]`, members that the model's initial images were made from;
        none where that is not known, the default.
      shared: number of first models that share a random seed and are shadows only.
      seed: of the intervals, see `dd_jax.audits.privacy.metrics.summarise`.

    Raises:
      InputError: shapes disagree or the threat is not known.
    """
    labels = np.asarray(labels, np.int32)
    unknown = np.full(labels.shape, -1, np.int32)
    arrays = ScoreFile(
        np.asarray(logits, np.float32),
        labels,
        np.asarray(member, bool),
        np.asarray(index, np.int32),
        unknown if group is None else np.asarray(group, np.int32),
        unknown if canary is None else np.asarray(canary, np.int32),
        np.zeros_like(member, bool) if initial is None else np.asarray(initial, bool),
        np.int32(shared),
        np.int64(seed),
        threat,
    )
    _check(arrays, path)
    write_npz(path, **arrays._asdict())


def load_scores(path: str | os.PathLike[str]) -> ScoreFile:
    """Reads a file that `save_scores` wrote.

    Raises:
      InputError: the file is missing, is not an `.npz`, lacks an array, or holds
        shapes that disagree.
    """
    if not Path(path).exists():
        raise InputError(f"{path}: no such file; need a scores.npz")
    refuse = lambda reason: (
        f"{path}: not a scores.npz ({reason}); need the arrays "
        f"{', '.join(ScoreFile._fields)}"
    )
    found = read_npz(path, ScoreFile._fields, refusal=refuse)
    for name, array in found.items():
        if array.dtype.kind not in _KINDS.get(name, "iu"):
            raise InputError(refuse(f"{name} holds {array.dtype}"))
    scores = ScoreFile(**found | {"threat": str(found["threat"])})
    _check(scores, path)
    return scores


def _check(scores: ScoreFile, path: str | os.PathLike[str]) -> None:
    if scores.threat not in THREATS:
        raise InputError(
            f"{path}: threat {scores.threat!r} is not known; use {', '.join(THREATS)}"
        )
    if scores.logits.ndim != 4:
        raise InputError(
            f"{path}: logits have shape {scores.logits.shape}; [models n queries k] is "
            "needed"
        )
    models, n = scores.logits.shape[:2]
    expected = {"labels": (n,), "member": (models, n), "index": (n,), "group": (n,)}
    expected |= {"canary": (n,), "initial": (models, n), "shared": (), "seed": ()}
    for name, shape in expected.items():
        found = getattr(scores, name).shape
        if found != shape:
            raise InputError(
                f"{path}: {name} has shape {found}; need {shape} to match logits "
                f"{scores.logits.shape}"
            )
