"""The multilayer perceptron of the dataset distillation literature."""

import flax.linen as nn
import jax

from dd_jax.models.layers import Linear


class MLP(nn.Module):
    """Two hidden layers of 128 units with ReLU, on the flattened image.

    The smallest net of the cross-architecture tests of Zhao et al. (2021).
    """

    @nn.compact
    def __call__(self, x, train: bool):
        """Maps `f32[n h w c]` to features `f32[n 128]`."""
        x = x.reshape(x.shape[0], -1)
        for _ in range(2):
            x = jax.nn.relu(Linear(128)(x))
        return x
