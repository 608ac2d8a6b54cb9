"""ZCA against NumPy, round trips, and networks and sets that live in its space."""

import tracemalloc

import hostile
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.data import zca
from dd_jax.data.zca import (
    fit_zca,
    fitting_bytes,
    fitting_seconds,
    read_zca,
    zca_space,
)
from dd_jax.distill import real_data
from dd_jax.distill.parametrisation.synthetic_images import synthetic
from dd_jax.models import build
from dd_jax.types import InputError


def images(n=200, shape=(4, 5, 2)):
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(size=(n, *shape)), 1)
    scaled = 255 * (smooth - smooth.min()) / np.ptp(smooth)
    return scaled.astype(np.uint8)


def test_covariance_of_whitened_images():
    x = images()
    fitted = fit_zca(x, eps=0.01)
    flat = x.reshape(len(x), -1) / 255
    values = np.linalg.eigvalsh(np.cov(flat.T))
    white = np.asarray(zca_space(lambda: fitted).enter(np.float32(x / 255)))
    after = np.linalg.eigvalsh(np.cov(white.reshape(len(x), -1).T))
    np.testing.assert_allclose(after, values / (values + 0.01), atol=2e-3)
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-4)


def test_forward_is_the_symmetric_root_and_undoes_inverse():
    fitted = fit_zca(images())
    np.testing.assert_allclose(fitted.forward, fitted.forward.T, atol=1e-5)
    product = fitted.forward @ fitted.inverse
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-4)


@pytest.mark.parametrize("eps", [0.1, 1e-3])
def test_round_trip(eps):
    fitted = fit_zca(images(), eps)
    space = zca_space(lambda: fitted)
    x = jax.random.uniform(jax.random.key(0), (3, 2, 4, 5, 2))
    np.testing.assert_allclose(space.leave(space.enter(x)), x, atol=1e-3)
    np.testing.assert_allclose(space.enter(space.leave(x)), x, atol=1e-3)


def test_fewer_images_than_pixels():
    few = images(n=5)
    fitted = fit_zca(few)
    space = zca_space(lambda: fitted)
    x = np.float32(few / 255)
    np.testing.assert_allclose(space.leave(space.enter(x)), x, atol=1e-4)


def test_nothing_is_fitted_before_it_is_needed():
    def refuse():
        raise AssertionError

    space = zca_space(refuse)
    model = build("lenet", 3, (8, 8, 1), space=space)
    jax.eval_shape(model.init, jax.random.key(0))
    with pytest.raises(AssertionError):
        space.enter(jnp.zeros((1, 8, 8, 1)))


@pytest.mark.parametrize("n, side", [(50, 16), (2000, 10)])
def test_the_memory_that_a_fit_takes(n, side):
    """What NumPy allocates at most; the workspace of LAPACK comes on top of it."""
    x = np.zeros((n, side, side, 3), np.uint8)
    tracemalloc.start()
    fit_zca(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.4 < peak / fitting_bytes(x.shape) < 1


def test_the_time_that_a_fit_takes(monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 12.0, 20.0, 23.0])  # three samples: 5, 2 and 3
    monkeypatch.setattr(zca.time, "perf_counter", lambda: next(clock))
    assert fitting_seconds((9, 16, 16, 4)) == 2 * 2**3


def test_a_network_sees_whitened_images():
    x = images(shape=(8, 8, 1))
    fitted = fit_zca(x)
    space = zca_space(lambda: fitted)
    plain = build("mlp", 3, (8, 8, 1))
    white = build("mlp", 3, (8, 8, 1), mean=(0.4,), std=(0.2,), space=space)
    params = plain.init(jax.random.key(0))
    pixels = jnp.asarray(x[:5] / np.float32(255))
    got = white.apply(params, pixels)
    np.testing.assert_allclose(got, plain.apply(params, space.enter(pixels)), atol=1e-5)


def test_a_set_is_learned_in_the_space_and_read_in_pixels():
    x, labels = (
        images(n=12, shape=(4, 4, 1)),
        np.repeat(np.arange(3, dtype=np.int32), 4),
    )
    fitted = fit_zca(x)
    space = zca_space(lambda: fitted)
    learner = synthetic(ipc=2, lr=1.0, space=space)
    state = learner.init(jax.random.key(0), real_data(x, labels))
    stored, made = state.params["images"], learner.read(state).images
    np.testing.assert_allclose(
        space.leave(stored.reshape(-1, 4, 4, 1)), made, atol=1e-5
    )
    real = {tuple(image.ravel()) for image in np.rint(x).astype(int)}
    assert {tuple(i.ravel()) for i in np.rint(made * 255).astype(int)} <= real


def test_hostile_files(tmp_path):
    path = tmp_path / "zca.npz"
    fitted = fit_zca(np.random.default_rng(0).integers(0, 256, (9, 2, 2, 1), np.uint8))
    given = fitted._asdict()
    cases = [*hostile.listed(given).values()]
    cases += [
        hostile.whole(given | {"forward": given["forward"][:, :-1]}),
        hostile.whole(given | {"mean": given["mean"] * np.nan}),
        hostile.whole(given | {"mean": np.array("text")}),
    ]
    for case in cases:
        path.write_bytes(case)
        with pytest.raises(InputError) as error:
            read_zca(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
