"""ResNet-18 for small images, with strided or pooled down-sampling."""

import flax.linen as nn
import jax

from dd_jax.models.conv import Conv
from dd_jax.models.layers import Norm, pool

_WIDTHS = (64, 128, 256, 512)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; `halve` halves the size."""

    width: int
    halve: bool
    norm: str
    downsample: str

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to `f32[n h' w' width]`."""
        stride = 2 if self.halve and self.downsample == "stride" else 1
        shrink = pool if self.halve and self.downsample == "pool" else lambda y: y
        y = Conv(self.width, stride=stride, bias=False)(x)
        y = shrink(jax.nn.relu(Norm(self.norm)(y, train)))
        y = Norm(self.norm)(Conv(self.width, bias=False)(y), train)
        if self.halve or x.shape[-1] != self.width:
            one = Conv(self.width, kernel=1, padding=0, stride=stride, bias=False)
            x = Norm(self.norm)(shrink(one(x)), train)
        return jax.nn.relu(x + y)


class ResNet18(nn.Module):
    """A 3x3 stem and four stages of two residual blocks; the last three halve the size.

    He et al. (2016), in the form of Zhao et al. (2021): strided convolutions halve the
    size (rounding up) and 4x4 average pooling ends the net.
    """

    norm: str = "instance"

    downsample = "stride"
    minimum_size = 25  # the smallest image whose last map fills the 4x4 window

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n d]`."""
        x = Conv(_WIDTHS[0], bias=False)(x)
        x = jax.nn.relu(Norm(self.norm)(x, train))
        for stage, width in enumerate(_WIDTHS):
            for block in range(2):
                halve = stage > 0 and block == 0
                x = Block(width, halve, self.norm, self.downsample)(x, train)
        if self.downsample == "stride":
            x = pool(x, "avg", 4)
        return x.reshape(x.shape[0], -1)


class ResNet18AP(ResNet18):
    """`ResNet18` halved by 2x2 average pooling (rounding down), its features unpooled.

    The variant of Cazenavette et al. (2022).
    """

    downsample = "pool"
    minimum_size = 16  # the smallest image whose last map is not 1x1
