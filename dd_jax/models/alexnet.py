"""AlexNet cut down to small images."""

import flax.linen as nn
import jax

from dd_jax.models.conv import Conv
from dd_jax.models.layers import pool

_WIDTH_KERNEL_POOLED = (
    (128, 5, True),
    (192, 5, True),
    (256, 3, False),
    (192, 3, False),
    (192, 3, True),
)


class AlexNet(nn.Module):
    """Five convolutions with ReLU, three of them followed by 2x2 max pooling.

    Krizhevsky et al. (2012), in the form of Zhao et al. (2021): no normalisation and
    no hidden linear layers. The first convolution pads 1-channel images by 4 (28x28
    becomes 32x32); all others keep the size.
    """

    minimum_size = 8

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n 192*(h//8)*(w//8)]`, h, w padded."""
        first = 4 if x.shape[-1] == 1 else 2
        for layer, (width, kernel, pooled) in enumerate(_WIDTH_KERNEL_POOLED):
            padding = first if layer == 0 else kernel // 2
            x = jax.nn.relu(Conv(width, kernel=kernel, padding=padding)(x))
            x = pool(x, "max") if pooled else x
        return x.reshape(x.shape[0], -1)
