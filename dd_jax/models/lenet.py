"""LeNet with ReLU and max pooling."""

import flax.linen as nn
import jax

from dd_jax.models.conv import Conv
from dd_jax.models.layers import Linear, pool


class LeNet(nn.Module):
    """5x5 convolutions to 6 and 16 channels, then layers of 120 and 84 units.

    LeCun et al. (1998), in the form of Zhao et al. (2021). The first convolution pads
    1-channel images by 2 (28x28 becomes 32x32), nothing else is padded.
    """

    minimum_size = 16

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n 84]`."""
        first = 2 if x.shape[-1] == 1 else 0
        for width, padding in ((6, first), (16, 0)):
            x = pool(jax.nn.relu(Conv(width, kernel=5, padding=padding)(x)), "max")
        x = x.reshape(x.shape[0], -1)
        for width in (120, 84):
            x = jax.nn.relu(Linear(width)(x))
        return x
