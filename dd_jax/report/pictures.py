"""Pictures of the page as data links: drawn figures, stored files, synthetic images."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dd_jax.report import figures
from dd_jax.report.blocks import Figure, Picture
from dd_jax.report.image_grid import image_grid
from dd_jax.report.run_folder import remedy
from dd_jax.report.safe_text import presentable
from dd_jax.system.archive import read_npz
from dd_jax.types import InputError

MOST_ROWS, MOST_COLUMNS = 20, 10  # of synthetic images shown
MOST_PIXELS = 2**19  # of a stored picture


def drawn(figure: Figure) -> Picture:
    """A figure as a Picture."""
    data = figures.svg(figure.draw, height=figure.height, legend=figure.legend)
    return svg_picture(data, figure.alt)


def svg_picture(data: bytes, alt: str) -> Picture:
    """An SVG file's bytes as a Picture."""
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


def synthetic_pictures(path: Path, side: int) -> dict[str, Any]:
    """Rows of the synthetic set, by class: picture, name.

    Args:
      path: of `synthetic.npz`.
      side: largest side of an image on the page, in pixels.

    Raises:
      InputError: the file holds no images with labels. A damaged one fails in any way.
    """
    refuse = lambda reason: f"{path}: {reason}; {remedy(path)}"
    file = read_npz(path, ("images", "labels"), ("metadata", "classes"), refuse)
    images, labels = file["images"], file["labels"]
    metadata = json.loads(str(file["metadata"])) if "metadata" in file else {}
    _check(path, images, labels)
    classes = np.asarray(file.get("classes", np.argmax(labels, axis=1)))
    labels = np.eye(labels.shape[1])[classes]
    present = np.unique(classes)
    named = metadata.get("class_names") if isinstance(metadata, dict) else None
    named = presentable(named) if isinstance(named, list) else []
    rows = []
    for c in present[:MOST_ROWS]:
        mine = np.flatnonzero(classes == c)[:MOST_COLUMNS]
        picture = image_grid(images[mine], labels[mine], MOST_COLUMNS, side)
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


def _link(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
