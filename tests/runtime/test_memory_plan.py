"""Models are cut into chunks that fit in memory; what does not fit is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.runtime.device_memory import in_batches, memory_of
from dd_jax.runtime.devices import spread
from dd_jax.runtime.memory_plan import need
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.platform import made_for
from dd_jax.types import DoesNotFit

MODELS, WIDE = 64, 2000


def one(shared, x):
    """Needs 100 x WIDE floats, which no two models share."""
    return jnp.tanh(x @ shared) @ shared.T


@pytest.fixture(scope="module")
def arguments():
    shared = jax.random.normal(jax.random.key(0), (10, WIDE))
    return shared, jax.random.normal(jax.random.key(1), (MODELS, 100, 10))


@pytest.fixture
def compiled(monkeypatch):
    """Bytes that each program needs that was compiled for its analysis, in turn."""
    from dd_jax.runtime import memory_plan

    found = []
    keep = lambda program: found.append(need(program)) or found[-1]
    monkeypatch.setattr(memory_plan, "need", keep)
    return found


def on_gpu(bytes_of_device, arguments, fun=one):
    with made_for("gpu"), memory_of(bytes_of_device):
        return map_models(fun)(*arguments)


def test_what_fits_is_compiled_once_and_not_cut(arguments, compiled):
    mapped = map_models(one)
    with made_for("gpu"), memory_of(1 << 40):
        found = [mapped(*arguments) for _ in range(2)]
    assert len(compiled) == 1
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("share", [0.5, 0.2, 0.05])
def test_models_that_do_not_fit_are_cut_into_chunks(arguments, compiled, share):
    whole = on_gpu(1 << 40, arguments)
    limit = int(share * compiled.pop())
    np.testing.assert_allclose(on_gpu(limit, arguments), whole, rtol=1e-5, atol=1e-4)
    assert compiled[0] > limit >= compiled[-1]
    assert len(compiled) <= 4, "the first guess is nearly right"
    assert compiled[-1] > limit / 4, "chunks fill the memory"


@pytest.mark.parametrize("backend", ["pmap", "shard_map"])
def test_each_of_several_devices_takes_chunks_of_its_own(arguments, compiled, backend):
    whole = on_gpu(1 << 40, arguments)
    limit = compiled.pop() // 8
    with spread(2, backend):
        cut = on_gpu(limit, arguments)
    np.testing.assert_allclose(cut, whole, rtol=1e-5, atol=1e-4)
    assert compiled[0] > limit >= compiled[-1]


@pytest.mark.slow
def test_images_are_cut_further_where_one_model_alone_does_not_fit(compiled):
    """Batches take half of the memory, of which the images themselves leave less."""

    def least(wide, images):
        return in_batches(lambda batch: jnp.sort(batch @ wide, 1)[:, 0], images, 4)

    given = jnp.ones((100, WIDE)), jnp.ones((1, 4096, 100))
    whole = on_gpu(1 << 40, given, least)
    compiled.clear()
    limit = int(1.2 * sum(a.nbytes for a in given))
    np.testing.assert_allclose(on_gpu(limit, given, least), whole, rtol=1e-5)
    assert compiled[0] > limit >= compiled[-1]


def test_what_cannot_be_cut_further_is_refused(arguments):
    with pytest.raises(DoesNotFit, match=r"needs \d.* [MG]B of 0\.5 MB on gpu$"):
        on_gpu(500_000, arguments)


def test_one_after_another_is_refused_too(arguments):
    with memory_of(500_000), pytest.raises(DoesNotFit, match=r"of 0\.5 MB on cpu:0"):
        map_models(one)(*arguments)


def test_an_exhausted_compiler_counts_as_too_much(arguments, monkeypatch):
    lowered, full = jax.stages.Lowered.compile, []

    def refuse_the_first(self, *args, **kw):
        if not full:
            full.append(self)
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory")
        return lowered(self, *args, **kw)

    whole = on_gpu(1 << 40, arguments)
    monkeypatch.setattr(jax.stages.Lowered, "compile", refuse_the_first)
    found = on_gpu(1 << 40, arguments, lambda shared, x: one(shared, x))
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-4)
    assert full
