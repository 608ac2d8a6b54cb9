"""Membership inference: can an attacker tell which rows were in the data?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dd_jax.report import headline
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import (
    Block,
    Figure,
    Pair,
    Pictures,
    Text,
    fold,
    grid,
    notes,
)
from dd_jax.report.display_names import PIPE_NAMES, THREAT_NAMES, display_name
from dd_jax.report.figures import DASHES, GREY, PIPE_STYLE, in_percent, no_minor_ticks
from dd_jax.report.schema import AUDITED, COUNT, PIPES, RATE, SHARE
from dd_jax.report.sections import privacy_tables as tables
from dd_jax.report.sections.privacy_notes import explanation
from dd_jax.report.shapes import each, estimate, fields, flag, only, text
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = 50
_AT_FPR = estimate(SHARE, {"achieved_fpr": SHARE, "resolved": flag})
_RATES = {"auc": RATE, "tpr_at_fpr": each(_AT_FPR)}
_CALIBRATED = {"tpr": RATE, "achieved_fpr": RATE, "resolved": flag}
_SLICES = each(fields({}, _RATES), numbered=True)
_SCORE = _RATES | {
    "balanced_accuracy": RATE,
    "ppv": each(estimate(SHARE, {"fpr": SHARE})),
    "smallest_fpr": SHARE,
    "shared_seed": fields({}, _RATES),
    "known_randomness": fields({}, _RATES),  # its name in older Records
    "calibrated": each(fields({}, _CALIBRATED)),
    "tpr_at_fpr_per_row": each(_AT_FPR),
    "variance": text,
    "by_class": _SLICES,
    "by_group": _SLICES,
    "canaries": _SLICES,
    "initial_images": each(fields({"members": COUNT}, _RATES)),
}
_SIZES = {"audit_rows": COUNT, "shadows": COUNT}
_PROTOCOL = fields(_SIZES, {"smaller": flag, "published": fields(_SIZES)})
_GUESSED = dict.fromkeys(("pairs", "guesses", "correct"), COUNT) | {"score": text}
_PARTS = dict.fromkeys(PIPES, each(each(fields({}, _SCORE))))
_PARTS["protocol"] = _PROTOCOL
_FOUND = {"found": SHARE, "alone": SHARE, "jaccard": each(SHARE)}
_TOGETHER = {"members": COUNT} | dict.fromkeys(("any", "any_fpr", "all"), SHARE)
_TOGETHER["scores"] = each(fields({}, _FOUND))
_PARTS["overlap"] = each(fields({}, _TOGETHER))
_PARTS["audited_epsilon"] = each(fields(AUDITED | _GUESSED))
SHAPE = only(tuple(_PARTS), fields({}, _PARTS))
QUESTION = (
    "Can an attacker tell from what is released whether a given row was in the data? "
    "Guessing has an AUC of 0.5 and a TPR equal to the FPR."
)
CURVES = (
    "The grey diagonal is guessing. A curve above it towards the left means that some "
    "rows can be identified with few false positives, even where the average over all "
    "rows seems harmless. In the shaded part this sample has too few non-members."
)
ROW_THRESHOLDS = (
    "With one threshold for all rows, those whose scores vary much have most of the "
    "false positives, so that the rate holds on average and for few rows. With "
    "thresholds of their own, set by the scores of models that were not given the row, "
    "all rows have about the same false-positive rate: what is found then is found for "
    "any row."
)
OVERLAP = (
    "Members that each attack finds at 1 % false positives, and those that no other "
    "finds. The overlap of two attacks is the Jaccard index: members that both find as "
    "a share of those that either finds, 1 where they find the same. Any of several "
    "attacks has more false positives than each."
)
FOLDED = {
    "Canaries: rows that are easily memorised": tables.canaries,
    "Members that were initial images": tables.initial_images,
    "Thresholds set on shadow models": tables.at_shadow_thresholds,
    "Membership inference by class": tables.classes,
    "Membership inference by group": tables.groups,
}


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """ROC curves, every attack, and the rows of classes, groups and canaries."""
    plots = _roc_figures(record, files.curves.get("roc") or {})
    words = [Text(QUESTION), *notes(explanation(record, files.config))]
    shown = Pictures(plots, captioned=len(plots) > 1, words=CURVES)
    return [
        *([Pair([shown], words)] if len(plots) == 1 else [*words, shown]),
        *grid("Membership inference", tables.attacks(record)),
        *fold(
            "Thresholds set for each row",
            tables.at_row_thresholds(record),
            Text(ROW_THRESHOLDS),
        ),
        *fold(
            "Overlap of attacks: which find the same rows",
            tables.overlap(record),
            Text(OVERLAP),
        ),
        *(block for name, make in FOLDED.items() for block in fold(name, make(record))),
    ]


def _roc_figures(record: Record, roc: Mapping) -> list[Figure]:
    """A figure for each threat model that has curves and a resolution."""
    known = {pipe: roc[pipe] for pipe in PIPES if roc.get(pipe)}
    found = []
    for threat in sorted({threat for own in known.values() for threat in own}):
        curves = {pipe: own[threat] for pipe, own in known.items() if own.get(threat)}
        resolution = headline.resolution(record, threat)
        if resolution and curves:
            name = THREAT_NAMES.get(threat, threat)
            alt = f"ROC of the membership attacks, {name}"
            draw = roc_curves(record, curves, resolution)
            found.append(Figure(alt, draw, height=4.0, legend=2))
    return found


def roc_curves(
    record: Record, curves: Mapping[str, Mapping[str, Sequence]], resolution: float
):
    """What draws a log-log ROC beside chance; what does not resolve is shaded.

    Args:
      record: that has the labels of scores.
      curves: `{PIPE: {SCORE: [[fpr, tpr], ...]}}` of one threat model.
      resolution: the smallest false-positive rate that the sample resolves, > 0.
    """
    scores = sorted({score for own in curves.values() for score in own})
    low = min(10 ** np.floor(np.log10(resolution) - 0.3), 0.01)

    def draw(axes: Axes) -> None:
        for pipe in curves:
            for score, points in curves[pipe].items():
                known = [point for point in points or () if point and None not in point]
                if not known:
                    continue
                fpr, tpr = np.asarray(known, float).T
                axes.step(
                    np.maximum(fpr, low),
                    np.maximum(tpr, low),
                    where="post",
                    color=PIPE_STYLE[pipe]["color"],
                    linestyle=DASHES[scores.index(score) % len(DASHES)],
                    label=f"{PIPE_NAMES[pipe]}, {display_name(score, record, 'score')}",
                )
        axes.plot([low, 1], [low, 1], color=GREY, linewidth=1, label="Chance")
        axes.axvspan(low, resolution, color="#ececec", label="Not resolved")
        axes.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low, 1.15))
        axes.set(xlabel="false-positive rate", ylabel="true-positive rate")
        for axis in (axes.xaxis, axes.yaxis):
            in_percent(axis)
            no_minor_ticks(axis)

    return draw
