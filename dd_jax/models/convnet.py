"""The ConvNet of the dataset distillation literature."""

import flax.linen as nn

from dd_jax.models.conv import Conv
from dd_jax.models.layers import Norm, activate, pool


class ConvNet(nn.Module):
    """Blocks of 3x3 convolution, normalisation, activation and 2x2 pooling.

    Gidaris and Komodakis (2018), as used by Zhao et al. (2021). The first convolution
    pads 1-channel images by 3 (28x28 becomes 32x32), all others by 1.
    """

    width: int = 128
    depth: int = 3
    norm: str = "instance"
    activation: str = "relu"
    pooling: str = "avg"

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n d]`."""
        for block in range(self.depth):
            padding = 3 if block == 0 and x.shape[-1] == 1 else 1
            x = Conv(self.width, padding=padding)(x)
            x = activate(Norm(self.norm)(x, train), self.activation)
            x = pool(x, self.pooling)
        return x.reshape(x.shape[0], -1)
