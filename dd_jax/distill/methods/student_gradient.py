"""The gradient of one training step of a student, which is differentiated again."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.models import keep_products
from dd_jax.runtime.device_memory import at_once, shared_by, sum_in_pieces
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.split_work import split_sum
from dd_jax.train.losses import cross_entropy
from dd_jax.types import Array, Key, Model

_COMPILED = 3  # times the memory that operations need one by one


def student_gradient(
    model: Model, augment: Callable[[Key, Array], Array]
) -> Callable[..., Array]:
    """The gradient of one student step, `grad_w CE(A(x_B); w)`, of flat weights.

    Several devices share the rows of the batch, without batch statistics. Rows that an
    accelerator's memory does not hold at once, with what it takes to differentiate
    their gradient again, are taken in equal pieces.

    Args:
      model: the network.
      augment: A.

    Returns:
      `(w f32[p], synthetic Batch of images [n h w c], key, rows i32[b]) -> f32[p]`.
    """
    unravel = unraveller(model)

    def weighted(flat, weights, images, labels):
        def loss_fn(flat):
            logits, _ = model.train_apply(unravel(flat), images)
            return (weights * jax.vmap(cross_entropy)(logits, labels)).sum()

        return jax.grad(loss_fn)(flat)

    def summed(flat, *rows):
        one = lambda rows: weighted(flat, *rows)
        together = in_turn() or model.has_batch_stats
        size = len(rows[0]) if together else _rows_at_once(weighted, flat, rows)
        if size == len(rows[0]):
            return one(rows)
        # of the pieces, convolutions and matrix products are kept for the way back
        return sum_in_pieces(jax.checkpoint(one, policy=keep_products), rows, size)

    def gradient(flat, synthetic_batch, key, rows):
        images = augment(key, synthetic_batch.images[rows])
        weights = jnp.full(len(rows), 1 / len(rows))
        return split_sum(summed)(flat, weights, images, synthetic_batch.labels[rows])

    return gradient


def _rows_at_once(weighted: Callable, flat: Array, rows: tuple) -> int:
    """How many rows' gradients can be differentiated at a time.

    Compiled for a TPU they take three times what the operations say, which are done
    forwards, backwards and backwards again (`experiments/results/tpu_compile.rows`).
    """

    def differentiated(rows):
        weights, *learned = rows
        found, back = jax.vjp(lambda *given: weighted(flat, weights, *given), *learned)
        return back(found)

    with shared_by(_COMPILED):
        return at_once(differentiated, rows)
