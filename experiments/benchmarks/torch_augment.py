"""Differentiable siamese augmentation in PyTorch; images `f32[n c h w]`."""

import math
import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(strategy: str, images: Tensor, siamese: bool) -> Tensor:
    """Applies one random operation of the strategy to the whole batch.

    Args:
      strategy: operations joined by `_`.
      images: normalised, so that 0 is the mean.
      siamese: the same parameters for every image, not each its own.

    Which operation, and where a batch is cropped, comes from Python's `random`: to read
    a drawn tensor would wait for the device.
    """
    names = strategy.split("_")
    name = random.choice(names)
    return OPERATIONS[name](images, 1 if siamese else len(images))


def _uniform(m: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(m, 1, 1, 1)


def _color(x: Tensor, m: int) -> Tensor:
    x = x + _uniform(m, -0.5, 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * _uniform(m, 0.0, 2.0) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * _uniform(m, 0.5, 1.5) + mean


def _flip(x: Tensor, m: int) -> Tensor:
    return torch.where(_uniform(m) < 0.5, x.flip(3), x)


def _crop(x: Tensor, m: int) -> Tensor:
    n, _, h, w = x.shape
    rise, run = (int(side / 8 + 0.5) for side in (h, w))
    padded = F.pad(x, (run, run, rise, rise))
    if m == 1:
        top, left = random.randint(0, 2 * rise), random.randint(0, 2 * run)
        return padded[:, :, top : top + h, left : left + w]
    rows = torch.randint(2 * rise + 1, (n, 1, 1)) + torch.arange(h)[:, None]
    columns = torch.randint(2 * run + 1, (n, 1, 1)) + torch.arange(w)
    return padded.permute(0, 2, 3, 1)[
        torch.arange(n)[:, None, None], rows, columns
    ].permute(0, 3, 1, 2)


def _cutout(x: Tensor, m: int) -> Tensor:
    inside = []
    for side in x.shape[2:]:
        hole = int(side / 2 + 0.5)
        start = torch.randint(side + 1 - hole % 2, (m, 1)) - hole // 2
        offset = torch.arange(side) - start
        inside.append((offset >= 0) & (offset < hole))
    covered = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return x.masked_fill(covered, 0.0)


def _affine(x: Tensor, rows: list[list[Tensor]]) -> Tensor:
    matrix = torch.stack([torch.stack(row, -1) for row in rows], -2)
    grid = F.affine_grid(
        matrix.expand(len(x), 2, 3), list(x.shape), align_corners=False
    )
    return F.grid_sample(x, grid, align_corners=False)


def _scale(x: Tensor, m: int) -> Tensor:
    across, down = 1 / 1.2 + (1.2 - 1 / 1.2) * torch.rand(2, m)
    zero = torch.zeros(m)
    return _affine(x, [[across, zero, zero], [zero, down, zero]])


def _rotate(x: Tensor, m: int) -> Tensor:
    angle = (2 * torch.rand(m) - 1) * math.radians(15)
    sin, cos, zero = angle.sin(), angle.cos(), torch.zeros(m)
    return _affine(x, [[cos, -sin, zero], [sin, cos, zero]])


OPERATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}
