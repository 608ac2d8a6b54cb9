"""The initial weights that PyTorch gives to convolution and linear layers."""

import jax


def torch_uniform(fan_in: int):
    """Initialiser `U(-1/sqrt(fan_in), 1/sqrt(fan_in))`, for weights and biases alike.

    This is what `kaiming_uniform` with `a = sqrt(5)` comes to (He et al. 2015).
    """
    bound = fan_in**-0.5
    return lambda key, shape: jax.random.uniform(
        key, shape, minval=-bound, maxval=bound
    )
