"""All that the page shows of one run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes

from dd_jax.report import (
    artefacts,
    pictures,
    privacy_claims,
    run_folder,
    run_notes,
    tables,
    verdict,
)
from dd_jax.report.artefacts import Artefacts
from dd_jax.report.blocks import (
    Block,
    Figure,
    Fold,
    Pair,
    Picture,
    Pictures,
    Section,
)
from dd_jax.report.display_names import (
    dataset_name,
    display_name,
    run_value,
    set_size_text,
)
from dd_jax.report.figures import COLOURS
from dd_jax.report.path_texts import without_paths
from dd_jax.report.safe_text import presentable, printable
from dd_jax.report.schema import audits
from dd_jax.report.sections import module_of, names, plain_table
from dd_jax.types import Record

LONGEST_CONFIG = 100_000
FEW_POINTS = 40  # of a curve that have markers


class FinishedRun(NamedTuple):
    """One finished run: its headline numbers, its verdicts, and where its files are."""

    record: Record
    verdicts: list[verdict.Verdict]
    folder: Path


def whole(
    run: FinishedRun, side: int, drawn: bool
) -> tuple[dict[str, Any] | None, list[str]]:
    """Reads one run and prepares its part of the page.

    Args:
      run: a finished run.
      side: largest side of a synthetic image on the page, in pixels.
      drawn: whether figures are drawn.

    Returns:
      What the page shows of it, None where its Record is gone, and a line for each
      file that is damaged and each section that cannot be shown.
    """
    record = run_folder.read(run.folder).record
    if record is None:  # deleted while the page was made
        return None, []
    files = artefacts.read(run.folder, record, side)
    record = presentable(record)
    files = files._replace(curves=presentable(files.curves))
    sections, problems = sections_of(record, files, drawn)
    page = {
        "run": record["run"],
        "title": title(record),
        "size": run_notes.size(record),
        "origin": run_notes.origin(record),
        "hidden": run_notes.hidden(record),
        "near_real": run_notes.near_real(record),
        "guarantee": run_notes.guarantee(record),
        "claims": privacy_claims.claims(record),
        "meaning": privacy_claims.MEANING,
        "verdicts": run.verdicts,
        "overall": verdict.overall(run.verdicts),
        "synthetic": files.synthetic,
        "sections": sections,
        "absent": [
            display_name(audit, record, "audit")
            for audit in names()
            if audit not in {section.audit for section in sections}
        ],
        "facts": [
            table
            for make in (tables.cost, tables.settings, tables.plugins, tables.versions)
            if (table := make(record))
        ],
        "config": _settings(files.config),
    }
    problems = [f"{run.folder}: {problem}" for problem in problems]
    return page, [*files.damaged, *problems]


def title(record: Record) -> str:
    """The heading of a run: method, data set and size."""
    run = record["run"]
    init = "" if run["init"] is None else f", init {run_value(record, 'init')}"
    maker = run_value(record, "method")
    if run_notes.is_loaded(record):
        maker = "Loaded set" if run["method"] == "loaded" else f"Loaded set, {maker},"
    return (
        f"{maker} on {dataset_name(record)}, "
        f"{run['num_classes']} classes, {set_size_text(record)}"
        f"{init}, {run_value(record, 'arch')}"
    )


def sections_of(
    record: Record, files: Artefacts, drawn: bool
) -> tuple[list[Section], list[str]]:
    """The sections of one run, each found by the name of an audit.

    Args:
      record: one checked Record, its texts safe to show.
      files: of the run.
      drawn: whether figures are drawn.

    Returns:
      The sections in their order, and a line for each that cannot be shown, whose part
      is a plain table instead.
    """
    found, problems = [], []
    place = lambda audit: getattr(module_of(audit), "PLACE", float("inf"))
    for audit in sorted(audits(record), key=place):
        name = display_name(audit, record, "audit")
        section = module_of(audit)
        try:
            if section is None:
                blocks = plain_table.blocks(record[audit], name)
            else:
                blocks = section.blocks(record, files)
            blocks = ready(blocks, drawn)
        except Exception as error:  # a Record of others may hold what ours do not
            blocks = plain_table.blocks(record[audit], name)
            why = printable(f"{type(error).__name__}: {error}")
            problems.append(f"the section {audit} cannot be shown ({why})")
        found.append(Section(audit, name, blocks))
    losses = [p for p in files.curves.get("distil") or () if p and None not in p]
    if losses and drawn:
        found.append(Section("", "Distillation", ready([_distillation(losses)], drawn)))
    return [section for section in found if section.blocks], problems


def ready(blocks: Sequence[Block], drawn: bool) -> list[Block]:
    """Blocks with their figures drawn, or left out; empty blocks are left out too."""
    return [full for block in blocks for full in _ready(block, drawn)]


def _ready(block: Block, drawn: bool) -> list[Block]:
    if isinstance(block, Pictures):
        items = [
            item if isinstance(item, Picture) else pictures.drawn(item)
            for item in block.items
            if drawn or isinstance(item, Picture)
        ]
        return [block._replace(items=items)] if items else []
    if isinstance(block, Pair):
        left, right = ready(block.left, drawn), ready(block.right, drawn)
        return [Pair(left, right)] if left and right else left + right
    if isinstance(block, Fold):
        return [block._replace(blocks=ready(block.blocks, drawn))]
    return [block]


def _distillation(points: Sequence[Sequence[float]]) -> Block:
    """Matching loss against step, `[[step, loss], ...]`."""
    step, loss = np.asarray(points, float).T

    def draw(axes: Axes) -> None:
        marker = "o" if len(step) <= FEW_POINTS else None
        axes.plot(step, loss, color=COLOURS[0], linewidth=1.2, marker=marker)
        axes.set(xlabel="distillation step", ylabel="matching loss", xlim=(0, None))
        axes.set_ylim(bottom=min(0.0, loss.min()))

    words = "Each point is the mean loss since the point before."
    return Pictures([Figure("Distillation loss against step", draw)], words=words)


def _settings(config: dict) -> str:
    text = json.dumps(without_paths(config), indent=2) if config else ""
    cut = "\n... (config.json holds the rest)"
    return text if len(text) <= LONGEST_CONFIG else text[:LONGEST_CONFIG] + cut
