"""The pictures of the page, as data links: figures by section, synthetic images."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dd_jax.report import figures, headline
from dd_jax.report.finished import remedy
from dd_jax.report.formats import NORMS, THREAT_NAMES, class_name
from dd_jax.report.names import presentable
from dd_jax.report.records import estimate
from dd_jax.report.schema import PIPES
from dd_jax.system.archive import read_npz
from dd_jax.types import InputError, Record

MOST_ROWS, MOST_COLUMNS = 20, 10  # of synthetic images shown
MOST_PIXELS = 2**19  # of a stored picture


class Picture(NamedTuple):
    """An image of the page, as a data link, and what it shows in words."""

    link: str
    alt: str


def drawn(data: bytes, alt: str) -> Picture:
    """An SVG drawing as a Picture."""
    return Picture(_link(data, "svg+xml"), alt)


def stored(path: Path, alt: str) -> Picture:
    """A PNG file as a Picture, made smaller where it is large."""
    with Image.open(path, formats=["PNG"]) as picture:
        picture.load()
        if picture.width * picture.height <= MOST_PIXELS:
            return Picture(_link(path.read_bytes(), "png"), alt)
        shrink = (MOST_PIXELS / (picture.width * picture.height)) ** 0.5
        sides = (max(1, int(side * shrink)) for side in picture.size)
        buffer = io.BytesIO()
        picture.convert("RGB").resize(tuple(sides)).save(buffer, "png")
    return Picture(_link(buffer.getvalue(), "png"), f"{alt}, made smaller")


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


def synthetic(path: Path, side: int) -> dict[str, Any]:
    """Rows of the synthetic set, by class: picture, name.

    Args:
      path: of `synthetic.npz`.
      side: of an image as shown, at most, in pixels.

    Raises:
      InputError: the file holds no images with labels. A damaged one fails in any way.
    """
    refuse = lambda reason: f"{path}: {reason}; {remedy(path)}"
    file = read_npz(path, ("images", "labels"), ("metadata",), refuse)
    images, labels = file["images"], file["labels"]
    metadata = json.loads(str(file["metadata"])) if "metadata" in file else {}
    _check(path, images, labels)
    classes = np.argmax(labels, axis=1)
    present = np.unique(classes)
    named = metadata.get("class_names") if isinstance(metadata, dict) else None
    named = presentable(named) if isinstance(named, list) else []
    rows = []
    for c in present[:MOST_ROWS]:
        mine = np.flatnonzero(classes == c)[:MOST_COLUMNS]
        picture = figures.image_grid(images[mine], labels[mine], MOST_COLUMNS, side)
        name = named[c] if c < len(named) else None
        name = f"class {c}" if name is None else str(name)
        alt = f"Synthetic images of {name}"
        rows.append((name, Picture(_link(picture, "png"), alt)))
    most = int(np.bincount(classes).max())
    return {
        "rows": rows,
        "single": most == 1,
        "shape": " x ".join(map(str, images.shape[1:])),
        "cut": most > MOST_COLUMNS or len(present) > MOST_ROWS,
        "smaller": max(images.shape[1:3]) > side,
        "clipped": bool(images.min() < 0 or images.max() > 1),
    }


def _check(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    numbers = images.dtype.kind in "fiub" and labels.dtype.kind in "fiub"
    shaped = images.ndim == 4 and labels.ndim == 2 and len(images) == len(labels)
    if not (numbers and shaped and images.size and labels.size):
        raise InputError(
            f"{path}: images {images.dtype}{list(images.shape)}, labels "
            f"{labels.dtype}{list(labels.shape)}; need numbers [m h w c] and [m k]; "
            f"{remedy(path)}"
        )
    if not (np.isfinite(images).all() and np.isfinite(labels).all()):
        raise InputError(f"{path}: has values that are not finite; {remedy(path)}")


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
    classes = max(map(len, per_class.values()))
    names = [class_name(record, c) for c in range(classes)]
    alt = "Accuracy of every class, by pipeline"
    return [drawn(figures.class_bars(per_class, names), alt)]


def _membership(record: Record, roc: dict) -> list[Picture]:
    drawn_of = {pipe: roc[pipe] for pipe in PIPES if roc.get(pipe)}
    pictures = []
    for threat in sorted({threat for pipe in drawn_of.values() for threat in pipe}):
        lines = {pipe: own[threat] for pipe, own in drawn_of.items() if own.get(threat)}
        resolution = headline.resolution(record, threat)
        if resolution and lines:
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
        if any(figures.norm_curves(part or {}, norm) for part in robust.values())
    ]


def _distillation(points: list) -> list[Picture]:
    alt = "Distillation loss against step"
    known = [point for point in points if point and None not in point]
    return [drawn(figures.loss_curve(known), alt)] if known else []


def _known(record: Record) -> dict:
    accuracy = record.get("accuracy") or {}
    return {pipe: value for pipe, value in accuracy.items() if estimate(value)}


def _link(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
