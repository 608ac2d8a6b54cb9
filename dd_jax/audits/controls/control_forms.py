"""The forms that each control may take: which real rows, with which labels."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from dd_jax.audits.controls.coresets import ENDS, by_herding, by_score
from dd_jax.audits.controls.teachers import Learned
from dd_jax.report.formats import count

TEACHER, HERDING, SCORES = "teacher_labels", "herding", ("el2n", "grand", "forgetting")


class Form(NamedTuple):
    """One form of a control.

    Attributes:
      form: what it is, in words; empty where there is one alone.
      rows: `i64[s m]` of each of s networks.
      labels: `f32[n k]` of all rows, probabilities.
    """

    form: str
    rows: np.ndarray
    labels: np.ndarray


def control_forms(
    names: Collection[str],
    seen: Learned,
    labels: np.ndarray,
    classes: int,
    ipc: int,
    networks: int,
    rng: np.random.Generator,
) -> dict[str, list[Form]]:
    """The forms of each control.

    | control | rows | labels | forms |
    |---|---|---|---|
    | `teacher_labels` | random ones for each network | of the teacher | its epochs |
    | `el2n`, `grand`, `forgetting` | by `by_score` | one-hot | easiest, hardest |
    | `herding` | by `by_herding`, learned features | one-hot | one |

    Args:
      names: of controls.
      seen: of the rows that may be taken.
      labels: `i32[n]` of these.
      classes: k.
      ipc: rows a class, m = k ipc.
      networks: s.
      rng: draws the random rows, and decides between rows of equal scores.

    Sources: teacher labels Qin et al. 2024, "A label is worth a thousand images";
    scores see `row_scores` and `el2n`. Differs from these in: which epoch, and which
    end of a score, is chosen on held-out rows.
    """
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    same = lambda rows: np.tile(rows.ravel(), (networks, 1))
    take = lambda scores, end: by_score(scores, labels, classes, ipc, end, rng)
    found = {}
    if TEACHER in names:
        places = [rng.permutation(len(labels)) for _ in range(networks)]
        drawn = np.stack([take(place, "easiest").ravel() for place in places])
        found[TEACHER] = [
            Form(f"teacher of {count(epoch, 'epoch')}", drawn, probabilities)
            for epoch, probabilities in seen.teachers.items()
        ]
    for name in (name for name in SCORES if name in names):
        found[name] = [
            Form(f"{end} rows", same(take(seen.scores[name], end)), one_hot)
            for end in ENDS
        ]
    if HERDING in names:
        rows = by_herding(seen.features, labels, classes, ipc)
        found[HERDING] = [Form("", same(rows), one_hot)]
    return found
