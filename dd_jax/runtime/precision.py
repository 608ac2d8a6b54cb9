"""The precision that networks compute in; all else stays in f32.

| name | operands of a network's products | sums |
|---|---|---|
| `float32` | f32 | f32 |
| `tf32` | f32, rounded to 10 bits of mantissa by the GPU | f32 |
| `bfloat16` | bf16 | f32, then rounded to bf16 |

Products are the convolutions and linear layers; activations are handed on in f32.
Weights, normalisation, logits, losses, optimisers and images stay in f32 throughout,
and matrix products outside of networks are not rounded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import chex
import jax
import jax.numpy as jnp
from jax import lax

from dd_jax.runtime.devices import devices_in_use
from dd_jax.runtime.platform import platform
from dd_jax.types import Array, InputError

# What JAX calls that precision of f32 operands; its own default is tf32 on GPUs.
_OF_PRODUCTS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}
_EXPONENT, _MANTISSA = 8, 7  # bits of bf16
_TF32_SINCE = 8.0  # compute capability
PRECISIONS = tuple(_OF_PRODUCTS)
_computing = jax.make_user_context(default_value="float32")


def precision() -> str:
    """What networks that are traced now compute in; `float32` by default.

    >>> with computing_in("bfloat16"):
    ...     precision()
    'bfloat16'
    """
    return _computing.value


@contextmanager
def computing_in(name: str) -> Iterator[None]:
    """Inside, networks compute in a precision, and other matrix products in f32.

    It is part of the key under which JAX keeps programs: one function has a program for
    each precision.

    Args:
      name: `float32`, `tf32` or `bfloat16`.

    Raises:
      InputError: another name, or one that the device lacks.
    """
    require_precision(name)
    with _computing(name), jax.default_matmul_precision("highest"):
        yield


def require_precision(name: str) -> None:
    """Refuses a precision that the platform lacks.

    NVIDIA's GPUs have tf32 from compute capability 8.0 on; nothing else has.

    Raises:
      InputError: an unknown name, or tf32 elsewhere.
    """
    if name not in PRECISIONS:
        raise InputError(f"precision={name}: take one of {', '.join(PRECISIONS)}")
    device = devices_in_use()[0]
    if name == "tf32" and not (platform() == "gpu" and _has_tf32(device)):
        kind = device.device_kind if platform() == "gpu" else platform()
        raise InputError(
            f"precision=tf32: {kind} has no tf32, which NVIDIA's GPUs of compute "
            "capability 8.0 and later have; take float32 or bfloat16"
        )


def _has_tf32(device: jax.Device) -> bool:
    """Of a GPU; of one that is not present, whose programs are only compiled, yes."""
    capability = getattr(device, "compute_capability", str(_TF32_SINCE))
    try:
        return float(capability) >= _TF32_SINCE
    except ValueError:  # the name of an AMD chip
        return False


def product(
    fun: Callable[[Array, Array], Array], x: Array, w: Array, *, exact: bool = False
) -> Array:
    """`fun(x, w)`, a bilinear map of a network, in the precision of `computing_in`.

    Its derivatives, of every order, round their operands in the same way. CPUs, whose
    products are of f32, round the operands and the result of bfloat16 to its bits.

    Args:
      fun: such as `jnp.matmul`.
      x: `f32[...]`.
      w: `f32[...]`.
      exact: f32 whatever the precision, as logits are.

    Returns:
      `f32[...]`.

    >>> with computing_in("bfloat16"):
    ...     print(product(jnp.multiply, jnp.float32(1 + 2**-9), jnp.float32(3)))
    3.0
    """
    chex.assert_type([x, w], float)
    name = "float32" if exact else precision()
    if platform() == "cpu":
        if name != "bfloat16":
            return fun(x, w)
        rounded = lambda a: lax.reduce_precision(a, _EXPONENT, _MANTISSA)
        return rounded(fun(rounded(x), rounded(w)))
    with jax.default_matmul_precision(_OF_PRODUCTS[name]):
        if name != "bfloat16":
            return fun(x, w)
        low = fun(x.astype(jnp.bfloat16), w.astype(jnp.bfloat16))
        return low.astype(jnp.float32)
