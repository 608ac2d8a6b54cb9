import jax
import numpy as np
import pytest

from dd_jax.models import build
from dd_jax.models.initializers import torch_uniform


@pytest.mark.parametrize("fan_in", [1, 27, 1152])
def test_draws_are_uniform_within_the_bound(fan_in):
    n, bound = 4096, fan_in**-0.5
    draws = np.sort(np.asarray(torch_uniform(fan_in)(jax.random.key(3), (n,))))
    assert -bound <= draws[0] and draws[-1] <= bound
    distance = np.max(np.abs((draws / bound + 1) / 2 - (np.arange(n) + 0.5) / n))
    assert distance < 1.95 / np.sqrt(n), "Kolmogorov-Smirnov, 0.1 % level"
    # variance of U(-b, b) is b^2 / 3; its estimate has relative deviation 0.9/sqrt(n)
    np.testing.assert_allclose(draws.var(), bound**2 / 3, rtol=4 * 0.9 / np.sqrt(n))


def test_layers_start_by_their_own_fan_in():
    model = build("convnet", 10, (8, 8, 3), width=32, depth=2)
    params = jax.jit(model.init)(jax.random.key(0))["params"]
    blocks = params["backbone"]
    layers = {27: blocks["Conv_0"], 288: blocks["Conv_1"], 128: params["Linear_0"]}
    for fan_in, weights in layers.items():
        bound = fan_in**-0.5
        largest = np.max(np.abs(weights["kernel"]))
        assert 0.98 * bound < largest <= bound, fan_in
        assert np.max(np.abs(weights["bias"])) <= bound
        assert np.std(weights["bias"]) > 0.3 * bound, "biases are drawn, not zero"
    for norm in (blocks["Norm_0"], blocks["Norm_1"]):
        np.testing.assert_array_equal(norm["scale"], np.ones(32))
        np.testing.assert_array_equal(norm["bias"], np.zeros(32))
