"""Logits of shadow models for simulations of membership scores: drawn, or trained."""

import jax
import numpy as np

from dd_jax import data, models, train
from dd_jax.audits.privacy import queries, query_logits
from dd_jax.data import membership_masks
from dd_jax.types import Split


def halves(rng: np.random.Generator, pairs: int, points: int) -> np.ndarray:
    """Members of complementary models, `bool[2*pairs points]`."""
    labels = np.zeros(points, np.int32)
    return membership_masks(int(rng.integers(1 << 30)), labels, pairs)


def as_logits(phi: np.ndarray) -> np.ndarray:
    """Logits of two classes with given log-odds of the first, `f32[m n 1 2]`."""
    return np.stack([phi, np.zeros_like(phi)], -1)[:, :, None].astype(np.float32)


def drawn(
    rng: np.random.Generator,
    pairs: int,
    points: int,
    *,
    gap: float = 1.0,
    degrees: float = np.inf,
    shared: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-odds `level_i + gap_i member + width_i (noise + shared drift of a model)`.

    Levels are N(2, 2^2). Gaps are exponential of mean `gap` times the width of their
    point, so that most points leak little and a few much. Squared widths are
    `degrees / chi^2_degrees`; infinite degrees make all of them 1.

    Args:
      rng: source of all draws.
      pairs: of complementary models.
      points: audited points.
      gap: mean gap between IN and OUT, in widths; 0 is no leak.
      degrees: of the distribution of widths.
      shared: standard deviation of what one model adds to all its members' log-odds, in
        widths: some models leak more than others.

    Returns:
      `(logits f32[m n 1 2], labels i32[n], member bool[m n])`.
    """
    member = halves(rng, pairs, points)
    width = np.ones(points)
    if np.isfinite(degrees):
        width = np.sqrt(degrees / rng.chisquare(degrees, points))
    leak = gap * rng.exponential(size=points) + shared * rng.normal(
        size=(len(member), 1)
    )
    noise = rng.normal(size=member.shape)
    phi = rng.normal(2, 2, points) + width * (leak * member + noise)
    return as_logits(phi), np.zeros(points, np.int32), member


def trained(pairs: int, epochs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits of MLPs on the digits, each trained on its half: seconds a pair."""
    digits = data.load("digits")
    rows = digits.train
    model = models.build("mlp", 10, (8, 8, 1), mean=digits.mean, std=digits.std)
    member, found = membership_masks(0, rows.labels, pairs), []
    for seed, half in enumerate(member):
        own = Split(rows.images[half], rows.labels[half])
        params = train.train(
            jax.random.key(seed), model, own, epochs=epochs, progress=False
        )
        found.append(query_logits(model.apply, params, rows.images, queries()))
    both = (member[::2] != member[1::2]).all(0)
    logits = np.concatenate(found)[:, both]
    return logits, rows.labels[both], member[:, both]
