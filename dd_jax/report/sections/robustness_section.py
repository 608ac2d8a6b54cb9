"""Robust accuracy: how many images stay correct under adversarial attacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import (
    Block,
    Caption,
    Figure,
    Fold,
    Grid,
    Pictures,
    Text,
    fold,
    grid,
    notes,
)
from dd_jax.report.display_names import NORMS, PIPE_NAMES, display_name
from dd_jax.report.figures import (
    DASHES,
    PIPE_STYLE,
    error_bars,
    few_ticks,
    in_percent,
)
from dd_jax.report.formats import count, percent
from dd_jax.report.records import estimate, lookup
from dd_jax.report.schema import COUNT, MEAN, NUMBER, PIPES, RATE, SHARE, by_pipe
from dd_jax.report.sections import robustness_tables as tables
from dd_jax.report.shapes import each, fields, flag, listed, number, text
from dd_jax.types import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLACE = 70
AT = {"eps": number(0, 1e6), "norm": text}
LEFT = {"accuracy": RATE, "components": each(RATE), "per_class": listed(SHARE)}
_HOW = {"steps": COUNT, "step_size": NUMBER, "restarts": COUNT, "momentum": NUMBER}
_HOW |= {"random_start": flag, "loss": text, "dropped": flag}
_ROW = fields(AT, LEFT | _HOW | {"by_group": each(RATE, numbered=True)})
SHAPE = by_pipe(
    fields(
        {},
        {
            "clean": RATE,
            "images": COUNT,
            "attacks": each(listed(_ROW)),
            "worst_case": listed(_ROW),
            "ratios": listed(fields(AT, {"rome": MEAN, "beard": MEAN})),
            "area": each(MEAN),
            "median_fall": each(MEAN),
            "median_perturbation": each(MEAN),
            "zero_gradients": RATE,
            "checks": each(flag),
        },
    )
)
RATIOS = (
    "ROME: 1 where no attack lowers the accuracy, 0 where all attacks lower it to 0. "
    "BEARD: 0 where all attacks lower it alike, however far; for comparison with its "
    "own tables only."
)


def blocks(record: Record, files: Artefacts) -> list[Block]:
    """Curves and tables for each norm; folded, what is secondary."""
    found: list[Block] = [
        Pictures(_curve_figures(record)),
        *notes(explanation(record, files.config)),
    ]
    for norm, name in NORMS.items():
        if table := tables.attacked(record, norm):
            words = f"Robust accuracy by {name} radius; pixels in [0, 1]"
            found += [Caption(words), Grid(f"{name} attacks", table)]
    for norm, name in NORMS.items():
        summary = f"Under all {name} attacks: worst class, and ratios of benchmarks"
        found += fold(summary, tables.secondary(record, norm), Text(RATIOS, small=True))
    for norm, name in NORMS.items():
        summary = f"Under all {name} attacks: accuracy of each group"
        found += fold(summary, tables.groups(record, norm))
    summary = "Area under the curves, median smallest distances"
    found += fold(summary, tables.summaries(record))
    found += fold("Components of AutoAttack", tables.components(record))
    if table := tables.checks(record):
        results = [row[-1] for row in table.rows]
        counts = [
            f"{results.count(result)} {result}"
            for result in ("pass", "warn", "cannot tell")
            if result in results
        ]
        summary = f"Checks for gradient masking: {', '.join(counts)}"
        found += [Fold(summary, grid("Checks for gradient masking", table))]
    return found


def explanation(record: Record, config: dict) -> list[str]:
    """Which networks were attacked, on which images, by which attacks."""
    part = {pipe: of for pipe, of in (record.get("robustness") or {}).items() if of}
    nets = {(estimate(row.get("clean")) or {}).get("n") for row in part.values()}
    images = lookup(config, "audits", "robustness", "images")
    split = record["run"].get("split")
    lines = []
    if nets == {1}:
        lines.append(
            "One net of each kind was attacked: intervals are binomial, over the draw "
            "of the images, and its accuracy at radius 0 differs from the mean over "
            "nets above."
        )
    if images and split:
        lines.append(f"At most {images} images of the {split} split were attacked.")
    flat = [estimate(row.get("zero_gradients")) for row in part.values()]
    if most := max((found["mean"] for found in flat if found), default=0.0):
        lines.append(f"Up to {percent(most).text} of the images have a zero gradient.")
    settings = {
        name: rows[-1]
        for row in part.values()
        for name, rows in (row.get("attacks") or {}).items()
        if rows
    }
    return lines + [
        f"{display_name(name, record, 'attack')}: {_steps(row)}."
        for name, row in settings.items()
        if row.get("steps") and row.get("eps")
    ]


def _steps(row: dict) -> str:
    if row["steps"] == 1:
        return "one step"
    length = row.get("step_size")
    size = f" of {length / row['eps']:.3g} x radius" if length else ""
    start = ", from a random start" if row.get("random_start") else ""
    restarts = count(row.get("restarts") or 1, "restart")
    return f"{count(row['steps'], 'step')}{size}{start}, {restarts}"


def _curve_figures(record: Record) -> list[Figure]:
    parts = record.get("robustness") or {}
    return [
        Figure(
            f"Robust accuracy against the {name} radius of the attack",
            curves(record, norm),
            height=3.6,
            legend=2,
        )
        for norm, name in NORMS.items()
        if any(tables.norm_curves(parts.get(pipe) or {}, norm) for pipe in PIPES)
    ]


def curves(record: Record, norm: str):
    """What draws robust accuracy against the radius, with 95 % intervals.

    Args:
      record: with a part `{PIPE: {attacks: {NAME: [{eps, norm, accuracy}]}}}`.
      norm: the attacks to show, `linf`, `l2` or `l1`.
    """
    parts: Mapping = record.get("robustness") or {}

    def draw(axes: Axes) -> None:
        for pipe in (pipe for pipe in PIPES if pipe in parts):
            found = tables.norm_curves(parts[pipe] or {}, norm)
            for i, (attack, rows) in enumerate(found.items()):
                label = display_name(attack, record, "attack")
                axes.errorbar(
                    *error_bars([(row["eps"], row.get("accuracy")) for row in rows]),
                    **PIPE_STYLE[pipe],
                    linestyle=DASHES[i % len(DASHES)],
                    label=f"{PIPE_NAMES[pipe]}, {label}",
                )
        name = NORMS.get(norm, norm)
        axes.set(xlabel=f"{name} radius, pixels in [0, 1]", ylim=(0, 1.02))
        axes.set(ylabel="robust accuracy")
        few_ticks(axes.xaxis)
        in_percent(axes.yaxis, ".0f")

    return draw
