"""Many networks and images: one compiled program, on a chunk of images at a time."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from dd_jax.runtime.device_memory import at_once, shared_by
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.stacked import row, size
from dd_jax.types import Array, Key, Params

_ON_CPU = 50  # images attacked at once


def attacked_at_once(
    apply: Callable[[Params, Array], Array], params: Params, images: Array, copies: int
) -> int:
    """How many images an attack takes at a time.

    On CPU 50. On accelerators all, or one of the fewest equal parts whose gradients fit
    in memory. Random starts are drawn for the images of one call together, so that they
    differ between the two.

    Args:
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: with a leading axis of networks, which are attacked in turn.
      images: `[n h w c]`.
      copies: of an image that go through a network together, one for each radius.
    """
    if in_turn():
        return _ON_CPU
    one = row(params, 0)
    gradient = jax.grad(lambda images: apply(one, images).sum())
    with shared_by(copies):
        return at_once(gradient, jax.ShapeDtypeStruct(images.shape, jnp.float32))


def on_chunks(body: Callable, apply: Callable[[Params, Array], Array]) -> Callable:
    """Compiles `body` for one chunk of images and one network, spread over devices.

    Chunks of all networks follow one another on a device. Each has its own key, which
    depends on neither the body nor the devices.

    Args:
      body: `(key, logits_fn, images f32[b h w c], labels i32[b], *more) -> results`.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.

    Returns:
      `(key, params, images f32[n h w c], labels i32[n], *more, chunk) -> results` with
      leading axes `[s p]`: s networks, by the leading axis of `params`, and p chunks of
      b images, at most `chunk` and the last one padded by repeats.
    """

    def one(shared, key, net, rows):
        params, images, labels, more = shared
        logits_fn = partial(apply, row(params, net))
        return body(key, logits_fn, images[rows], labels[rows], *more)

    compiled = map_models(one, chunk=None)

    def run(key: Key, params: Params, images, labels, *more, chunk: int):
        rows = chunked(len(images), min(chunk, len(images)))
        nets, pieces = size(params), len(rows)
        found = compiled(
            (params, jnp.float32(images), jnp.int32(labels), more),
            jax.random.split(key, (nets, pieces)).reshape(-1),
            np.repeat(np.arange(nets), pieces),
            np.tile(rows, (nets, 1)),
        )
        return jax.tree.map(lambda a: a.reshape(nets, pieces, *a.shape[1:]), found)

    return run


def chunked(n: int, chunk: int) -> np.ndarray:
    """Rows 0 to n - 1 in chunks, the last one padded by repeats: `i64[p chunk]`.

    >>> chunked(3, 2).tolist()
    [[0, 1], [2, 0]]
    """
    return np.resize(np.arange(n), (-(-n // chunk), chunk))


def outputs(logits_fn: Partial, images: Array, chunk: int) -> np.ndarray:
    """Logits of many images, `chunk` at a time.

    Args:
      logits_fn: `f32[b h w c] -> f32[b k]`, a function and its parameters.
      images: `f32[n h w c]`.
      chunk: batch size; one program for all chunks.

    Returns:
      `f32[n k]`.
    """
    rows = chunked(len(images), min(chunk, len(images)))
    run = _outputs(logits_fn.func)
    found = [np.asarray(run(logits_fn.args, images[part])) for part in rows]
    return np.concatenate(found)[: len(images)]


@reused
def _outputs(fun: Callable) -> Callable:
    return jax.jit(lambda arguments, images: fun(*arguments, images))
