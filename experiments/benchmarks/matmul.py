"""What a device reaches in a product of two matrices."""

import math
import time

import jax
import jax.numpy as jnp

from dd_jax.runtime.precision import computing_in, product


def matmul_peak(precision: str, side: int = 8192, seconds: float = 0.5) -> float:
    """TFLOP/s of the best of ten rounds of products of square matrices.

    Args:
      precision: as in `dd_jax.runtime.precision`.
      side: of the matrices.
      seconds: of all rounds, about.
    """
    a = jax.random.normal(jax.random.key(0), (side, side))
    if precision == "bfloat16":
        a = a.astype(jnp.bfloat16)
    with computing_in(precision):
        compiled = jax.jit(lambda a, b: _product(precision, a, b)).lower(a, a).compile()

    def spent(steps: int) -> float:
        begin = time.perf_counter()
        for _ in range(steps):
            last = compiled(a, a)
        last.block_until_ready()
        return time.perf_counter() - begin

    spent(1)
    steps = max(1, math.ceil(seconds / 10 / spent(1)))
    return 2e-12 * side**3 * steps / min(spent(steps) for _ in range(10))


def _product(precision, a, b):
    """Of bf16 arrays as such: no rounding of them is part of the time."""
    return a @ b if precision == "bfloat16" else product(jnp.matmul, a, b)
