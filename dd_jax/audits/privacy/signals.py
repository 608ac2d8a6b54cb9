"""What an attacker observes: logits of models on points, and scalars made of them.

Axes, everywhere in this package: `m` models, `n` points, `q` queries a point (the image
and its augmentations, or repeats of the training), `k` classes.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.types import Array, InputError, Params

Query = Callable[[Array], Array]
MapModels = Callable[[Callable[..., Array]], Callable[..., Array]]


def queries(*, flip: bool = False) -> tuple[Query, ...]:
    """Lists the ways in which an image is shown to a model: as it is, mirrored.

    Args:
      flip: add the horizontal mirror image; leave it out where a mirrored image means
        something else, as for digits.

    Returns:
      Functions `f32[n h w c] -> f32[n h w c]`, one a query.
    """
    identity = lambda images: images
    mirror = lambda images: images[:, :, ::-1]
    return (identity, mirror) if flip else (identity,)


def _one_by_one(fun: Callable[..., Array]) -> Callable[..., Array]:
    return lambda shared, params: lax.map(lambda one: fun(shared, one), params)


def query_logits(
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: Array,
    queries: Sequence[Query],
    *,
    map_models: MapModels = _one_by_one,
    chunk: int = 500,
) -> Array:
    """Asks every model for its logits on every query of every point.

    Args:
      apply: `(params, f32[n h w c] in [0, 1]) -> logits f32[n k]`.
      params: pytree whose leaves carry a leading axis `s` of models.
      images: `u8[n h w c]`, or `f32[n h w c]` in [0, 1].
      queries: functions from images to images; see `queries`.
      map_models: turns a function `(shared, one model's params)` into one of
        `(shared, stacked params)`, as `dd_jax.parallel.map_models` does; by default
        the models take turns in a loop.
      chunk: points a forward pass; the last chunk is padded.

    Returns:
      Logits `f32[s n q k]`.
    """
    n = images.shape[0]
    chunk = min(chunk, n)
    chunks = -(-n // chunk)
    padding = [(0, chunks * chunk - n)] + [(0, 0)] * (images.ndim - 1)
    padded = jnp.pad(images, padding).reshape(chunks, chunk, *images.shape[1:])

    def of_chunk(params: Params, batch: Array) -> Array:
        scaled = batch / 255.0 if batch.dtype == jnp.uint8 else batch
        pixels = jnp.asarray(scaled, jnp.float32)
        return jnp.stack([apply(params, query(pixels)) for query in queries], axis=1)

    def of_model(batches: Array, params: Params) -> Array:
        logits = lax.map(lambda batch: of_chunk(params, batch), batches)
        return logits.reshape(chunks * chunk, *logits.shape[2:])[:n]

    return map_models(of_model)(padded, params)


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
    classes = logits.shape[-1]
    if classes < 2:
        raise InputError(f"logits: {classes} class; membership scores need at least 2")
    right = jax.nn.one_hot(labels, classes, dtype=bool)[:, None]
    own = jnp.sum(logits, axis=-1, where=right)
    return own - jax.nn.logsumexp(jnp.where(right, -jnp.inf, logits), axis=-1)


def log_likelihoods(logits: Array, labels: Array) -> Array:
    """Log-probability of the right class, `log p_y`: minus the cross-entropy.

    Args:
      logits: `f32[m n q k]`.
      labels: `i32[n]`.

    Returns:
      `f32[m n q]`, at most 0.
    """
    right = jax.nn.one_hot(labels, logits.shape[-1], dtype=bool)[:, None]
    return jnp.sum(jax.nn.log_softmax(logits), axis=-1, where=right)
