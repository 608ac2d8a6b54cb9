"""`report.html`: one self-contained page for whoever decides and whoever checks."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np

from dd_jax.report import figures, headline, records, tables, trends, verdict
from dd_jax.report.formats import PIPE_NAMES, THREAT_NAMES, percent, plain
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

FULL_DETAIL = 12  # above so many runs, a run shows tables and images only
MOST_ROWS, MOST_COLUMNS = 20, 10  # of synthetic images shown
TEMPLATE = "report.html.jinja"
NORMS = {"linf": "Linf", "l2": "L2"}


class Picture(NamedTuple):
    """An image of the page, as a data link, and what it shows in words."""

    link: str
    alt: str
    width: int = 0


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
            Picture(_link(trend.svg, "svg+xml"), trend.title)
            for trend in (trends.trends(found) if several else [])
        ],
        unfinished=records.unfinished(workdir),
        levels=verdict.LEVELS,
    )
    path = workdir / "report.html"
    records.write_atomic(path, page.lstrip().replace(" %", "&nbsp;%"))
    return path


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["plain"] = plain
    return environment.get_template(TEMPLATE)


def _section(
    record: Record, lines: list[verdict.Verdict], workdir: Path, drawn: bool
) -> dict[str, Any]:
    """All that the page says about one run."""
    folder = workdir / "runs" / record["run"]["id"]
    synthetic = _synthetic(folder / "synthetic.npz")
    names = record["run"].get("class_names") or ()
    return {
        "run": record["run"],
        "verdicts": lines,
        "overall": verdict.overall(lines),
        "synthetic": synthetic,
        "accuracy": tables.accuracy(record),
        "fairness": tables.fairness(record),
        "privacy": tables.privacy(record),
        "robustness": {
            name: table
            for norm, name in NORMS.items()
            if (table := tables.robustness(record, norm))
        },
        "checks": tables.checks(record),
        "cost": tables.cost(record),
        "settings": tables.settings(record),
        "config": _config(folder / "config.json"),
        "figures": _figures(record, _read(folder / "curves.json"), names)
        if drawn
        else {},
    }


def _figures(record: Record, curves: dict, names: Sequence[str]) -> dict[str, list]:
    """Figures by section; a section without data is absent."""
    accuracy = {p: v for p, v in (record.get("accuracy") or {}).items() if estimate(v)}
    per_class = {
        pipe: v["per_class"] for pipe, v in accuracy.items() if v.get("per_class")
    }
    robust = record.get("robustness") or {}
    drawn: dict[str, list] = {"accuracy": [], "membership": [], "robustness": []}
    if accuracy:
        alt = "Accuracy of each pipeline with its 95 % interval"
        drawn["accuracy"].append(_svg(figures.accuracies(accuracy), alt))
    if per_class:
        classes = len(next(iter(per_class.values())))
        names = names or [f"class {c}" for c in range(classes)]
        alt = "Accuracy of every class, by pipeline"
        drawn["classes"] = [_svg(figures.class_bars(per_class, names), alt)]
    for threat, lines in _by_threat(curves.get("roc") or {}).items():
        alt = (
            f"Log-log ROC of the membership attacks, {THREAT_NAMES.get(threat, threat)}"
        )
        smallest = _smallest_fpr(record, threat)
        if smallest:
            drawn["membership"].append(_svg(figures.roc(lines, smallest), alt))
    for norm, name in NORMS.items():
        if any(figures.norm_curves(part, norm) for part in robust.values()):
            alt = f"Accuracy against the {name} radius of the attack"
            drawn["robustness"].append(_svg(figures.epsilon_curve(robust, norm), alt))
    if curves.get("distil"):
        alt = "Distillation loss against step"
        drawn.setdefault("training", []).append(
            _svg(figures.loss_curve(curves["distil"]), alt)
        )
    if curves.get("learning"):
        alt = "Accuracy against training epoch, by pipeline"
        drawn.setdefault("training", []).append(
            _svg(figures.learning_curves(curves["learning"]), alt)
        )
    return drawn


def _by_threat(roc: dict) -> dict[str, dict]:
    threats = sorted({threat for pipe in roc.values() for threat in pipe})
    return {
        threat: {pipe: lines[threat] for pipe, lines in roc.items() if threat in lines}
        for threat in threats
    }


def _smallest_fpr(record: Record, threat: str) -> float | None:
    rates = [
        row.get("smallest_fpr")
        for pipe in PIPE_NAMES
        for row in (lookup(record, "privacy", pipe, threat) or {}).values()
    ]
    return max((rate for rate in rates if rate), default=None)


def _synthetic(path: Path) -> dict[str, Any] | None:
    """Rows of the synthetic set, by class: picture, name; None without the file."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        images, labels = stored["images"], stored["labels"]
        metadata = json.loads(str(stored["metadata"])) if "metadata" in stored else {}
    classes = np.argmax(labels, axis=1)
    present = np.unique(classes)
    names = metadata.get("class_names") or [
        f"class {c}" for c in range(labels.shape[1])
    ]
    rows = []
    for c in present[:MOST_ROWS]:
        mine = classes == c
        picture = figures.image_grid(images[mine], labels[mine], MOST_COLUMNS)
        count = min(int(mine.sum()), MOST_COLUMNS)
        alt = f"Synthetic images of {names[c]}"
        rows.append((names[c], Picture(_link(picture, "png"), alt, count)))
    most = int(np.bincount(classes).max())
    return {
        "rows": rows,
        "single": most == 1,
        "count": len(images),
        "shape": " x ".join(map(str, images.shape[1:])),
        "cut": most > MOST_COLUMNS or len(present) > MOST_ROWS,
        "clipped": bool((images < 0).any() or (images > 1).any()),
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
                f"Most accurate on {classes} classes: {run['method']}, "
                f"{plain(run['ipc'])} images per class, init {run['init']} "
                f"({run['id']}): {percent(headline.accuracy(top)).text}, random subset "
                f"{percent(headline.accuracy(top, 'random_subset')).text}."
            )
    return best


def _read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}


def _config(path: Path) -> str:
    return json.dumps(_read(path), indent=2) if path.is_file() else ""


def _svg(data: bytes, alt: str) -> Picture:
    return Picture(_link(data, "svg+xml"), alt)


def _link(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
