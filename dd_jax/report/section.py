"""All that the page says about one run."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from dd_jax.report import artefacts, finished, pictures, scope, tables, verdict
from dd_jax.report import privacy_section as exposure
from dd_jax.report import robustness_section as robustness
from dd_jax.report.formats import NORMS
from dd_jax.report.names import presentable
from dd_jax.types import Record

LONGEST_CONFIG = 100_000
EXPOSURE = {
    "Canaries: rows made to be remembered": exposure.canaries,
    "Thresholds set on shadows alone": exposure.calibrated,
    "Exposure of every class": exposure.classes,
    "Exposure of every group": exposure.groups,
}


class Judged(NamedTuple):
    """One finished run: its headline numbers, its verdicts, and where its files lie."""

    record: Record
    verdicts: list[verdict.Verdict]
    folder: Path


def whole(
    run: Judged, side: int, drawn: bool
) -> tuple[dict[str, Any] | None, list[str]]:
    """Read and word one run.

    Args:
      run: a finished run.
      side: of a synthetic image as shown, at most, in pixels.
      drawn: whether figures are drawn.

    Returns:
      What the page's sections show of it, None where that fails, and a line for each
      file that is damaged.
    """
    record = finished.read(run.folder).record
    if record is None:  # it went while the page was made
        return None, []
    files = artefacts.of(run.folder, record, side)
    record = presentable(record)
    try:
        return _section(record, run.verdicts, files, drawn), files.damaged
    except Exception as error:  # a Record of another's audit may hold what ours do not
        problem = f"{run.folder}: cannot be shown ({type(error).__name__}: {error})"
        return None, [*files.damaged, problem]


def _section(
    record: Record,
    lines: list[verdict.Verdict],
    files: artefacts.Artefacts,
    drawn: bool,
) -> dict[str, Any]:
    return {
        "run": record["run"],
        "size": scope.size(record),
        "verdicts": lines,
        "overall": verdict.overall(lines),
        "synthetic": files.synthetic,
        "accuracy": tables.accuracy(record),
        "fairness": tables.fairness(record),
        "classes": tables.classes(record),
        "privacy": tables.privacy(record),
        "exposure": {
            name: table for name, make in EXPOSURE.items() if (table := make(record))
        },
        "likeness": exposure.likeness(record),
        "gallery": files.gallery,
        "robustness": {
            name: table
            for norm, name in NORMS.items()
            if (table := robustness.attacked(record, norm))
        },
        "secondary": {
            name: table
            for norm, name in NORMS.items()
            if (table := robustness.secondary(record, norm))
        },
        "notes": {
            "accuracy": scope.accuracy(record, files.config),
            "membership": scope.membership(record, files.config),
            "likeness": scope.likeness(record),
            "robustness": scope.robustness(record, files.config),
        },
        "components": robustness.components(record),
        "summaries": robustness.summaries(record),
        "checks": robustness.checks(record),
        "transfer": robustness.transfer(record),
        "corruptions": robustness.corruptions(record),
        "cost": tables.cost(record),
        "settings": tables.settings(record),
        "versions": tables.versions(record),
        "config": _settings(files.config),
        "figures": pictures.by_section(record, presentable(files.curves))
        if drawn
        else {},
    }


def _settings(config: dict) -> str:
    text = json.dumps(config, indent=2) if config else ""
    cut = "\n... (the rest stands in config.json)"
    return text if len(text) <= LONGEST_CONFIG else text[:LONGEST_CONFIG] + cut
