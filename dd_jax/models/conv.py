"""Convolution, and the one place where the platform decides how it is computed.

On accelerators this is `lax.conv_general_dilated` with its own derivatives. Images of
one channel are a matrix product with their patches on a GPU: an epoch of training on an
H100 takes 0.73 times as long. (For TPU v5e the compiler estimates 1.1 to 1.2 times.)
On CPU the primitive's weight gradient leaves the fast path (17 times slower inside a
loop) and batched weights turn it into a slow grouped convolution. There, two bilinear
maps take its place: the convolution C(x, w) and its weight gradient D(x, g). Each
derivative of either is one of the two again, so every order stays on the fast path.
Images of one channel, in or out, would waste the primitive's matrix products: from one
channel C is a sum of shifted images, to one a sum of shifted products.
Batched weights are looped over, which costs no more than a loop over networks;
batched images fold into the batch.
"""

from functools import partial

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name
from jax.custom_batching import custom_vmap

from dd_jax.models.initializers import torch_uniform
from dd_jax.runtime.platform import platform
from dd_jax.runtime.precision import product
from dd_jax.types import Array

_LAYOUT = ("NHWC", "HWIO", "NHWC")
_SAVED = "convolution"
_CACHE_BYTES = 1 << 19  # patches of one chunk of images, a part of a core's L2 cache


def _accelerated(primitive, *_, **__) -> bool:
    """Whether an operation is a convolution as accelerators compute it."""
    return primitive is lax.conv_general_dilated_p and platform() != "cpu"


# A policy for `jax.checkpoint`: convolutions and matrix products are kept, which are
# small for the work they take; what lies between them is computed again.
keep_products = jax.checkpoint_policies.save_from_both_policies(
    jax.checkpoint_policies.save_from_both_policies(
        jax.checkpoint_policies.save_only_these_names(_SAVED), _accelerated
    ),
    jax.checkpoint_policies.dots_saveable,
)


def convolve(x: Array, w: Array, padding: int) -> Array:
    """Two-dimensional convolution with stride one.

    `y[n, i, j, o] = sum_{a, b, c} x[n, i + a - p, j + b - p, c] w[a, b, c, o]`

    Args:
      x: images, `f32[n h w c]`.
      w: square kernels, `f32[k k c o]`.
      padding: p, zeros on each side.

    Returns:
      `f32[n h+2p-k+1 w+2p-k+1 o]`, differentiable in reverse mode to every order.

    Differs from the plain primitive in: on CPU forward-mode differentiation is not
    available.
    """
    chex.assert_rank([x, w], 4)
    if platform() != "cpu":
        one_channel = x.shape[-1] == 1 and platform() == "gpu"
        return (_by_patches if one_channel else _primitive)(x, w, padding)
    surplus = max(0, padding - (w.shape[0] - 1))
    if surplus:
        x = jnp.pad(x, ((0, 0), (surplus, surplus), (surplus, surplus), (0, 0)))
    return _conv(x, w, padding - surplus)


def _primitive(x, w, padding):
    return lax.conv_general_dilated(
        x, w, (1, 1), [(padding, padding)] * 2, dimension_numbers=_LAYOUT
    )


def _by_patches(x, w, padding):
    """One matrix product; its derivatives are products and shifted sums."""
    patches = jnp.concatenate(_shifts(x, w.shape[0], padding), -1)
    return patches @ w.reshape(-1, w.shape[-1])


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x, w, padding):
    """C(x, w): convolution of images with kernels."""
    return _batchable(_forward, padding)(x, w)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _weight_gradient(x, g, padding):
    """D(x, g): `sum_{n, i, j} x[n, i + a - p, j + b - p, c] g[n, i, j, o]`."""
    return _loopable(_correlate, padding)(x, g)


def _input_gradient(g, w, padding):
    """Cotangent of C's images: C of the cotangent with flipped, swapped kernels."""
    flipped = jnp.swapaxes(jnp.flip(w, (0, 1)), 2, 3)
    return _conv(g, flipped, w.shape[0] - 1 - padding)


def _kept_conv(x, w, padding):
    """C by name for `keep_products`, unless it is cheap."""
    y = _conv(x, w, padding)
    return y if 1 in w.shape[2:] else checkpoint_name(y, _SAVED)


def _save(fun):
    return lambda a, b, padding: (fun(a, b, padding), (a, b))


_conv.defvjp(
    _save(_kept_conv),
    lambda padding, saved, g: (
        _input_gradient(g, saved[1], padding),
        _weight_gradient(saved[0], g, padding),
    ),
)
_weight_gradient.defvjp(
    _save(_weight_gradient),
    lambda padding, saved, w: (
        _input_gradient(saved[1], w, padding),
        _conv(saved[0], w, padding),
    ),
)


def _forward(x, w, padding):
    """C in the form that is fastest on CPU for its channels."""
    k, _, c, o = w.shape
    if c == 1:
        shifts = _shifts(x, k, padding)
        return sum(x * kernel for x, kernel in zip(shifts, w.reshape(-1, o)))
    if o == 1:
        shifts = _shifts(x @ w.reshape(-1, c).T, k, padding)
        return sum(x[..., i, None] for i, x in enumerate(shifts))
    return _primitive(x, w, padding)


def _shifts(x, k, padding):
    """What each entry of a `k k` kernel sees of `x`, row by row."""
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    h, w = x.shape[1] - k + 1, x.shape[2] - k + 1
    return [x[:, a : a + h, b : b + w] for a in range(k) for b in range(k)]


def _batchable(fun, padding):
    """`fun(x, w)` whose batched form folds `x` or loops over batched `w`."""

    @custom_vmap
    def call(x, w):
        return fun(x, w, padding)

    @call.def_vmap
    def _(size, batched, x, w):
        if not batched[1]:
            y = call(x.reshape(-1, *x.shape[2:]), w)
            return y.reshape(size, -1, *y.shape[1:]), True
        return _loop(call, size, batched, x, w), True

    return call


def _loopable(fun, padding):
    """`fun(x, g)` whose batched form is a loop."""

    @custom_vmap
    def call(x, g):
        return fun(x, g, padding)

    @call.def_vmap
    def _(size, batched, x, g):
        return _loop(call, size, batched, x, g), True

    return call


def _loop(call, size, batched, *args):
    pick = lambda i: [a[i] if b else a for a, b in zip(args, batched)]
    return lax.map(lambda i: call(*pick(i)), jnp.arange(size))


def _correlate(x, g, padding):
    """D as matrix products over patches of as many images as the cache holds."""
    n, h, w, o = g.shape
    k, c = x.shape[1] + 2 * padding - h + 1, x.shape[3]
    chunk = max(1, min(n, _CACHE_BYTES // (4 * h * w * k * k * c)))
    whole = n - n % chunk

    def product(x, g):
        patches = jnp.concatenate(_shifts(x, k, padding), -1).reshape(-1, k * k * c)
        return lax.dot_general(g.reshape(-1, o), patches, (((0,), (0,)), ((), ())))

    split = lambda a: a[:whole].reshape(-1, chunk, *a.shape[1:])
    zero = jnp.zeros((o, k * k * c), x.dtype)
    if whole == chunk:
        total = product(x[:whole], g[:whole])
    else:
        add = lambda total, xg: (total + product(*xg), None)
        total = lax.scan(add, zero, (split(x), split(g)))[0]
    if whole < n:
        total += product(x[whole:], g[whole:])
    return total.T.reshape(k, k, c, o)


@jax.custom_vjp
def _stored(x):
    """Identity that, where it is differentiated, keeps `x` and its cotangent apart.

    XLA on CPU repeats an elementwise operation in each of its uses, so that bias and
    normalisation, and their gradients, would be computed and written twice.
    """
    return x


_stored.defvjp(
    lambda x: (lax.optimization_barrier(x), None),
    lambda _, g: (lax.optimization_barrier(g),),
)


class Conv(nn.Module):
    """A convolution layer with bias, square kernels and PyTorch's default start."""

    features: int
    kernel: int = 3
    padding: int = 1
    stride: int = 1
    bias: bool = True

    @nn.compact
    def __call__(self, x):
        """Maps `f32[n h w c]` to `f32[n h' w' features]`."""
        fan_in = self.kernel**2 * x.shape[-1]
        start = torch_uniform(fan_in)
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        y = product(
            partial(convolve, padding=self.padding),
            x,
            self.param("kernel", start, shape),
        )
        y = y[:, :: self.stride, :: self.stride]
        if self.bias:
            y = y + self.param("bias", start, (self.features,))
        return _stored(y) if platform() == "cpu" else y
