"""Group DRO: the worse a group or class is matched, the more it counts."""

import jax

from dd_jax.types import Array


def exponentiated(log_q: Array, losses: Array, eta: float) -> Array:
    """Weights after a step: `q_g <- q_g exp(eta l_g) / sum_h q_h exp(eta l_h)`.

    Sagawa et al. (2020), arXiv:1911.08731, alg. 1, without its adjustment by the size
    of a group; as logarithms, so that no weight becomes 0.

    Args:
      log_q: `f32[... g]`, of the weights.
      losses: of the same shape.
      eta: the rate.

    Returns:
      `f32[... g]`, of the next weights, which add up to 1 over the last axis.

    >>> q = jax.numpy.array([0.5, 0.5])
    >>> jax.numpy.exp(exponentiated(jax.numpy.log(q), 100 * q, 0.02)).tolist()
    [0.5, 0.5]
    """
    return jax.nn.log_softmax(log_q + eta * losses)


def among(log_q: Array, present: Array) -> Array:
    """Weights of those that are present, which add up to 1; 0 for the others.

    >>> q, present = jax.numpy.array([[0.2, 0.2, 0.6], [1, 1, 0]])
    >>> among(jax.numpy.log(q), present).tolist()
    [0.5, 0.5, 0.0]
    """
    return jax.nn.softmax(log_q, where=present > 0)
