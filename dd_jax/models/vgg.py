"""VGG with eleven layers, for small images."""

import flax.linen as nn
import jax

from dd_jax.models.conv import Conv
from dd_jax.models.layers import Norm, pool

_STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))


class VGG11(nn.Module):
    """Five stages of 3x3 convolution, normalisation and ReLU, each max pooled.

    Simonyan and Zisserman (2015), in the form of Zhao et al. (2021): normalised, and
    one linear layer. The first convolution pads 1-channel images by 3 (28x28 becomes
    32x32), all others by 1.

    Differs from the released code in: images of 28 to 31 pixels with colour are padded
    by 3 too, since instance normalisation of a 1x1 map would erase it.
    """

    norm: str = "instance"

    minimum_size = 28

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n 512*(h//32)*(w//32)]`, h, w padded."""
        padding = 3 if x.shape[-1] == 1 or min(x.shape[1:3]) < 32 else 1
        for stage in _STAGES:
            for width in stage:
                x = Conv(width, padding=padding)(x)
                x = jax.nn.relu(Norm(self.norm)(x, train))
                padding = 1
            x = pool(x, "max")
        return x.reshape(x.shape[0], -1)
