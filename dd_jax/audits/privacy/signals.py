"""Signals of membership: logits of models on queries of points, and their statistics.

Axes, everywhere in this package: `m` models, `n` points, `q` queries of a point (the
image and its augmentations, or repeats of the training), `k` classes.
"""

from collections.abc import Callable, Sequence
from functools import partial

import chex
import jax
import jax.numpy as jnp

from dd_jax.runtime.device_memory import in_batches
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, InputError, Params

Query = Callable[[Array], Array]


@reused
def queries(*, flip: bool = False, shift: int = 0) -> tuple[Query, ...]:
    """Augmentations with which a model is queried; the image itself is the first.

    Every whole-pixel shift by at most `shift` up, down, left and right, filled by
    reflection, and with `flip` the mirror image of each: `(2 shift + 1)^2` queries or
    twice as many.

    Args:
      flip: add the horizontal mirror images; leave them out where a mirrored image
        means something else, as for digits.
      shift: pixels; below the side of the images.

    Returns:
      Functions `f32[n h w c] -> f32[n h w c]`, one a query; the same arguments give
      the same objects.

    Source: Carlini et al. 2022, "Membership inference attacks from first principles",
    section VI-B (2, 18 and 162 queries).

    >>> len(queries(flip=True, shift=1))
    18
    """
    steps = sorted(range(-shift, shift + 1), key=abs)
    return tuple(
        partial(_augmented, mirrored, down, right)
        for down in steps
        for right in steps
        for mirrored in ((False, True) if flip else (False,))
    )


def _augmented(mirrored: bool, down: int, right: int, images: Array) -> Array:
    height, width = images.shape[1:3]
    rows, columns = ((abs(down),) * 2, (abs(right),) * 2)
    padded = jnp.pad(images, ((0, 0), rows, columns, (0, 0)), mode="reflect")
    top, left = abs(down) - down, abs(right) - right
    moved = padded[:, top : top + height, left : left + width]
    return moved[:, :, ::-1] if mirrored else moved


def query_logits(
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: Array,
    queries: Sequence[Query],
    *,
    chunk: int = 500,
) -> Array:
    """Logits of every model on every query of every point.

    Args:
      apply: `(params, f32[n h w c] in [0, 1]) -> logits f32[n k]`.
      params: pytree whose leaves have a leading axis `s` of models.
      images: `u8[n h w c]`, or `f32[n h w c]` in [0, 1].
      queries: functions from images to images; see `queries`.
      chunk: points in a forward pass on CPU; accelerators take as many as memory
        holds.

    Returns:
      Logits `f32[s n q k]`.
    """
    chex.assert_rank(images, 4)
    mapped = _over_models(apply, tuple(queries), chunk)
    return mapped(images, params)


@reused
def _over_models(apply, queries, chunk):
    one = lambda images, params: _logits(apply, queries, chunk, params, images)
    return map_models(one)


def _logits(apply, queries, chunk, params, images):
    """Logits `f32[n q k]` of one model."""

    def of_points(batch):
        scaled = batch / 255.0 if batch.dtype == jnp.uint8 else batch
        pixels = jnp.asarray(scaled, jnp.float32)
        return jnp.stack([apply(params, query(pixels)) for query in queries], axis=1)

    return in_batches(of_points, images, chunk)


def scaled_logits(logits: Array, labels: Array) -> Array:
    """Log-odds of the right class, which are close to Gaussian over trainings.

    `phi = log(p_y / (1 - p_y)) = z_y - log sum_{j != y} exp z_j`, from the logits, so
    that no probability is rounded to 0 or 1 on the way.

    Args:
      logits: `f32[m n q k]`, k at least 2.
      labels: `i32[n]`.

    Returns:
      `f32[m n q]`.

    Raises:
      InputError: there is one class only.

    Source: Carlini et al. 2022, "Membership inference attacks from first principles",
    section V-A.

    >>> logits = jnp.array([2.0, 1.0, 0.5, -1.0]).reshape(1, 1, 1, 4)
    >>> round(scaled_logits(logits, jnp.array([0])).item(), 4)
    0.445
    """
    chex.assert_rank([logits, labels], [4, 1])
    chex.assert_shape(labels, logits.shape[1:2])
    classes = logits.shape[-1]
    if classes < 2:
        raise InputError(f"logits: {classes} class; membership scores need at least 2")
    right = jax.nn.one_hot(labels, classes, dtype=bool)[:, None]
    z_right = jnp.sum(logits, axis=-1, where=right)
    return z_right - jax.nn.logsumexp(jnp.where(right, -jnp.inf, logits), axis=-1)


def log_likelihoods(logits: Array, labels: Array) -> Array:
    """Log-probability of the right class, `log p_y`: minus the cross-entropy.

    `-log(1 + exp(-phi))` with phi of `scaled_logits`, so that probabilities that round
    to 1 keep their order.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.

    Returns:
      `f32[m n q]`, at most 0.
    """
    return jax.nn.log_sigmoid(scaled_logits(logits, labels))


def pool_repeats(logits: Array, labels: Array) -> Array:
    """Pools the logits of several networks trained on the same released set.

    The pooled scaled logit is the mean of the repeats' scaled logits; the distribution
    over the wrong classes is the normalised geometric mean of theirs. In logits:
    `z_y = mean_r phi_r`, `z_j = log p(j | not y)` for `j != y`, so that `scaled_logits`
    of the result is exactly that mean.

    Args:
      logits: `f32[m n r q k]`, r repeats.
      labels: `i32[n]`.

    Returns:
      `f32[m n q k]`.

    Source of averaging in scaled logits: Carlini et al. 2022, the released attack.

    >>> once = jnp.array([2.0, 1.0, 0.5, -1.0]).reshape(1, 1, 1, 4)
    >>> pooled = pool_repeats(jnp.stack([once, -once], axis=2), jnp.array([0]))
    >>> scaled = [scaled_logits(z, jnp.array([0])).item() for z in (once, -once)]
    >>> bool(jnp.isclose(scaled_logits(pooled, jnp.array([0])).item(), sum(scaled) / 2))
    True
    """
    chex.assert_rank([logits, labels], [5, 1])
    m, n, r, q, k = logits.shape
    phi = scaled_logits(logits.reshape(m, n, r * q, k), labels)
    right = jax.nn.one_hot(labels, k, dtype=bool)[:, None]
    wrong = jax.nn.log_softmax(logits, where=~right[:, None]).mean(2)
    pooled = jax.nn.log_softmax(wrong, where=~right)
    return jnp.where(right, phi.reshape(m, n, r, q).mean(2)[..., None], pooled)
