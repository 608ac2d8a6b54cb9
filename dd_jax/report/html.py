"""`report.html`: one self-contained page for whoever decides and whoever checks."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from dd_jax import disk
from dd_jax.report import (
    exposure,
    headline,
    pictures,
    records,
    robustness,
    scope,
    tables,
    trends,
    verdict,
)
from dd_jax.report.formats import NORMS, percent, plain, spoken
from dd_jax.report.records import estimate
from dd_jax.types import Record

FULL_DETAIL = 12  # above so many runs, a run shows tables and images only
TEMPLATE = "report.html.jinja"
GALLERY = "Synthetic images with the nearest of train and of holdout"
EXPOSURE = {
    "Canaries: rows made to be remembered": exposure.canaries,
    "Thresholds set on shadows alone": exposure.calibrated,
    "Exposure of every class": exposure.classes,
    "Exposure of every group": exposure.groups,
}


def write_html(workdir: str | Path) -> Path:
    """Write `report.html`, atomically.

    A single run gets a verdict and full detail; several get an overview, trends, and a
    folded section each. Needs nothing but the files under `runs/`.

    Args:
      workdir: the folder that holds `runs/RUN_ID/`.

    Returns:
      The path of `report.html`.

    Raises:
      InputError: no runs in `workdir`, or a malformed Record.
    """
    workdir = Path(workdir)
    found = trends.ordered(records.read(workdir))
    verdicts = [verdict.verdicts(record) for record in found]
    several = len(found) > 1
    page = _template().render(
        runs=[
            _section(record, lines, workdir, drawn=len(found) <= FULL_DETAIL)
            for record, lines in zip(found, verdicts, strict=True)
        ],
        summary=_summary(verdicts),
        best=_best(found) if several else [],
        overview=tables.overview(found, verdicts) if several else None,
        trends=[
            pictures.drawn(trend.svg, trend.title)
            for trend in (trends.trends(found) if several else [])
        ],
        judged=sorted({scope.judged(record) for record in found}),
        unfinished=records.unfinished(workdir),
        levels=verdict.LEVELS,
    )
    path = workdir / "report.html"
    disk.replace(path, page.lstrip().replace(" %", "&nbsp;%").encode())
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(plain=plain, spoken=spoken)
    return environment.get_template(TEMPLATE)


def _section(
    record: Record, lines: list[verdict.Verdict], workdir: Path, drawn: bool
) -> dict[str, Any]:
    """All that the page says about one run."""
    folder = workdir / "runs" / record["run"]["id"]
    config = _read(folder / "config.json")
    curves = _read(folder / "curves.json")
    return {
        "run": record["run"],
        "size": scope.size(record),
        "verdicts": lines,
        "overall": verdict.overall(lines),
        "synthetic": pictures.synthetic(folder / "synthetic.npz"),
        "accuracy": tables.accuracy(record),
        "fairness": tables.fairness(record),
        "classes": tables.classes(record),
        "privacy": tables.privacy(record),
        "exposure": {
            name: table for name, make in EXPOSURE.items() if (table := make(record))
        },
        "likeness": exposure.likeness(record),
        "gallery": pictures.stored(folder / "gallery.png", GALLERY),
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
            "accuracy": scope.accuracy(record, config),
            "membership": scope.membership(record, config),
            "likeness": scope.likeness(record),
            "robustness": scope.robustness(record, config),
        },
        "components": robustness.components(record),
        "summaries": robustness.summaries(record),
        "checks": robustness.checks(record),
        "transfer": robustness.transfer(record),
        "corruptions": robustness.corruptions(record),
        "cost": tables.cost(record),
        "settings": tables.settings(record),
        "versions": tables.versions(record),
        "config": json.dumps(config, indent=2) if config else "",
        "figures": pictures.by_section(record, curves) if drawn else {},
    }


def _summary(verdicts: Sequence[Sequence[verdict.Verdict]]) -> list[tuple]:
    """`(topic, rule, limits, {level: runs})` for each topic."""
    return [
        (
            lines[0].topic,
            lines[0].rule,
            lines[0].limits,
            Counter(v.level for v in lines),
        )
        for lines in zip(*verdicts)
    ]


def _best(found: Sequence[Record]) -> list[str]:
    """The most accurate distilled set of each number of classes, in words."""
    best = []
    for classes in sorted({record["run"]["num_classes"] for record in found}):
        same = [
            record
            for record in found
            if record["run"]["num_classes"] == classes
            and estimate(headline.accuracy(record))
        ]
        if same:
            top = max(same, key=lambda r: headline.mean(headline.accuracy(r)) or 0.0)
            run = top["run"]
            best.append(
                f"Most accurate on {classes} classes: {spoken(run['method'])}, "
                f"{plain(run['ipc'])} images per class, init {run['init']}, "
                f"{run['arch']} ({run['id']}): "
                f"{percent(headline.accuracy(top)).text}, random subset "
                f"{percent(headline.accuracy(top, 'random_subset')).text}."
            )
    return best


def _read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}
