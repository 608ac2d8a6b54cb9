"""Compiled steps whose new state takes the memory of the old one."""

from collections.abc import Callable

import jax

from dd_jax.runtime.platform import in_turn


def donating(*places: int) -> Callable[[Callable], Callable]:
    """`jax.jit` of a function whose arguments at some places are not used again.

    On accelerators results take the memory of those arguments, which are deleted. On
    CPU they are left as they are.

    >>> double = donating(0)(lambda x: 2 * x)
    >>> double(jax.numpy.ones(2)).tolist()
    [2.0, 2.0]
    """

    def compiled(fun: Callable) -> Callable:
        keeping, giving = jax.jit(fun), jax.jit(fun, donate_argnums=places)
        return lambda *args: (keeping if in_turn() else giving)(*args)

    return compiled
