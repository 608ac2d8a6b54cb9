"""The pictures of the page, as data links: figures by section, synthetic images."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dd_jax.report import figures, headline
from dd_jax.report.formats import NORMS, THREAT_NAMES
from dd_jax.report.records import estimate
from dd_jax.types import Record

MOST_ROWS, MOST_COLUMNS = 20, 10  # of synthetic images shown


class Picture(NamedTuple):
    """An image of the page, as a data link, and what it shows in words."""

    link: str
    alt: str


def drawn(data: bytes, alt: str) -> Picture:
    """An SVG drawing as a Picture."""
    return Picture(_link(data, "svg+xml"), alt)


def stored(path: Path, alt: str) -> Picture | None:
    """A PNG file as a Picture; None without the file."""
    return Picture(_link(path.read_bytes(), "png"), alt) if path.is_file() else None


def by_section(record: Record, curves: dict) -> dict[str, list[Picture]]:
    """Figures of one run by section of the page; a section without data is absent.

    Args:
      record: one checked Record.
      curves: `{roc: {PIPE: {THREAT: {SCORE: points}}}, distil: points}`, or less.
    """
    sections = {
        "accuracy": _accuracy(record),
        "classes": _classes(record),
        "membership": _membership(record, curves.get("roc") or {}),
        "robustness": _robustness(record.get("robustness") or {}),
        "distillation": _distillation(curves.get("distil") or []),
    }
    return {name: pictures for name, pictures in sections.items() if pictures}


def synthetic(path: Path) -> dict[str, Any] | None:
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
        alt = f"Synthetic images of {names[c]}"
        rows.append((names[c], Picture(_link(picture, "png"), alt)))
    most = int(np.bincount(classes).max())
    return {
        "rows": rows,
        "single": most == 1,
        "shape": " x ".join(map(str, images.shape[1:])),
        "cut": most > MOST_COLUMNS or len(present) > MOST_ROWS,
        "clipped": bool((images < 0).any() or (images > 1).any()),
    }


def _accuracy(record: Record) -> list[Picture]:
    known = _known(record)
    alt = "Accuracy of each pipeline with its 95 % interval"
    return [drawn(figures.accuracies(known), alt)] if known else []


def _classes(record: Record) -> list[Picture]:
    per_class: dict[str, Sequence] = {
        pipe: value["per_class"]
        for pipe, value in _known(record).items()
        if isinstance(value, dict) and value.get("per_class")
    }
    if not per_class:
        return []
    classes = len(next(iter(per_class.values())))
    names = record["run"].get("class_names") or [f"class {c}" for c in range(classes)]
    alt = "Accuracy of every class, by pipeline"
    return [drawn(figures.class_bars(per_class, names), alt)]


def _membership(record: Record, roc: dict) -> list[Picture]:
    pictures = []
    for threat in sorted({threat for pipe in roc.values() for threat in pipe}):
        lines = {pipe: own[threat] for pipe, own in roc.items() if threat in own}
        resolution = headline.resolution(record, threat)
        if resolution:
            name = THREAT_NAMES.get(threat, threat)
            alt = f"ROC of the membership attacks, {name}"
            pictures.append(drawn(figures.roc(lines, resolution), alt))
    return pictures


def _robustness(robust: dict) -> list[Picture]:
    return [
        drawn(
            figures.epsilon_curve(robust, norm),
            f"Accuracy against the {name} radius of the attack",
        )
        for norm, name in NORMS.items()
        if any(figures.norm_curves(part, norm) for part in robust.values())
    ]


def _distillation(points: list) -> list[Picture]:
    alt = "Distillation loss against step"
    return [drawn(figures.loss_curve(points), alt)] if points else []


def _known(record: Record) -> dict:
    accuracy = record.get("accuracy") or {}
    return {pipe: value for pipe, value in accuracy.items() if estimate(value)}


def _link(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
