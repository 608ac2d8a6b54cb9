"""Quantization audit: what a set loses when its pixels become 8-bit integers."""

import jax.numpy as jnp
import numpy as np

from dd_jax.audits.audit import Audit, Context, no_check
from dd_jax.data.eight_bits import encoding, quantise
from dd_jax.train import predictions


def measure(context: Context) -> dict:
    """Accuracy of networks trained on the sets as PNG files would hold them.

    They start and learn from the keys of the networks on the sets themselves, by the
    same recipe, so that only the images differ. Where all pixels are multiples of 1/255
    already, the accuracy of those networks is returned.

    Returns:
      `{accuracy {mean, ci, n}, bits, clipped, largest_change}`, see
      `dd_jax.data.eight_bits.encoding`.
    """
    sets, (images, labels, _) = context.sets, context.evaluation
    quantized = quantise(sets.images) / np.float32(255)
    if np.array_equal(quantized, sets.images):
        predicted = context.predictions("distilled")
    else:
        clipped = sets._replace(images=jnp.asarray(quantized))
        networks = context.train(clipped, "quantization")
        predicted = predictions(context.model, networks, images)
    accuracy = context.estimate("distilled", (predicted == labels).mean(1))
    return {"accuracy": accuracy} | encoding(sets.images)


AUDIT = Audit("quantization", no_check, measure)
