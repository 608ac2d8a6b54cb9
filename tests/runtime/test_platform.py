"""Programs follow the platform that they are made for, not that of the process."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from jax.export import export

import dd_jax
from dd_jax.attacks import ATTACKS
from dd_jax.audits.privacy.signals import _logits as query_logits
from dd_jax.distill import batched_form
from dd_jax.models import build
from dd_jax.runtime.devices import devices_in_use
from dd_jax.runtime.platform import PLATFORMS, in_turn, made_for, platform
from dd_jax.runtime.stacked import repeated
from dd_jax.train import trainer
from dd_jax.types import InputError

ROWS, CLASSES, SHAPE = 12, 3, (8, 8, 1)


def network():
    return build("convnet", CLASSES, SHAPE, mean=(0.4,), std=(0.3,), width=4, depth=1)


def images(count=ROWS, dtype=jnp.float32):
    return jax.ShapeDtypeStruct((count, *SHAPE), dtype)


def key():
    return jax.eval_shape(lambda: jax.random.key(0))


def epoch():
    """One epoch of training, as networks and experts take it."""
    one = trainer(network(), batch=8)
    state = jax.eval_shape(one.init, key())
    advance = lambda key, state, x, y, rows: one.advance(
        key, state, x, y, rows, 0.01, 1, 0, 1
    )
    labels = jax.ShapeDtypeStruct((ROWS, CLASSES), jnp.float32)
    rows = jax.ShapeDtypeStruct((ROWS,), jnp.int32)
    return advance, (key(), state, images(dtype=jnp.uint8), labels, rows)


def attack(name):
    """An attack of a network."""
    model = network()
    params = jax.eval_shape(model.init, key())

    def run(key, params, x, y):
        made = ATTACKS[name](eps=0.1, steps=3)
        return made(key, partial(model.apply, params), x, y)

    return run, (key(), params, images(), jax.ShapeDtypeStruct((ROWS,), jnp.int32))


def queries():
    """Logits that membership is inferred from."""
    model = network()
    params = jax.eval_shape(model.init, key())
    return partial(query_logits, model.apply, (lambda x: x,), 4), (params, images())


def shadows(name):
    """A step of four shadows at once."""
    joint = batched_form(name)(network(), ipc=2, batch_real=4)
    method = dd_jax.distill.METHODS[name](network(), ipc=2, batch_real=4)
    member = jax.ShapeDtypeStruct((4, ROWS), bool)
    labels = jnp.arange(ROWS, dtype=jnp.int32) % CLASSES
    real = dd_jax.distill.real_data(jnp.zeros((ROWS, *SHAPE), jnp.uint8), labels)
    state = method.init(jax.random.key(0), real)
    states = repeated(state, 4)
    batch = jax.eval_shape(lambda k, m: joint.sample(k, real, m), key(), member)
    return joint.update, (key(), states, batch)


SLOW = {"dsa_shadows": partial(shadows, "dsa")}
HOT = {
    "epoch": epoch,
    "pgd": partial(attack, "pgd_linf"),
    "apgd": partial(attack, "apgd_ce"),
    "queries": queries,
    "dm_shadows": partial(shadows, "dm"),
}


@pytest.mark.parametrize(
    "name", [*HOT, pytest.param("dsa_shadows", marks=pytest.mark.slow)]
)
def test_hot_programs_lower_for_every_platform(name):
    fun, arguments = (HOT | SLOW)[name]()
    for target in ("cpu", "cuda", "tpu"):
        with made_for(target):
            program = export(jax.jit(fun), platforms=[target])(*arguments)
        text = program.mlir_module()
        assert not re.search(r"tensor<[^>]*f64", text), "double precision"
        assert "callback" not in text, "a transfer to the host"


def test_a_program_is_traced_for_the_platform_named():
    seen = []
    traced = jax.jit(lambda x: seen.append((platform(), in_turn())) or x)
    for _ in range(2):
        for target in PLATFORMS:
            with made_for(target):
                traced(1.0)
    assert seen == [("cpu", True), ("gpu", False), ("tpu", False)]


def test_names_of_makers_are_those_of_the_platform():
    for name in ("cuda", "rocm"):
        with made_for(name):
            assert platform() == "gpu"
    with pytest.raises(InputError, match="platform 'npu': take one of cpu, gpu, tpu"):
        made_for("npu")


def test_the_devices_in_use_decide_where_nothing_is_named():
    assert platform() == "cpu"
    with made_for("tpu"), made_for("cpu"):
        assert platform() == "cpu"
    with jax.default_device(jax.devices("cpu")[1]):
        assert platform() == "cpu"


def test_the_devices_in_use_are_of_the_platform_of_the_default_device(monkeypatch):
    cpus, gpu = jax.local_devices(), SimpleNamespace(platform="gpu")
    found = {None: [gpu], "cpu": cpus}
    monkeypatch.setattr(jax, "local_devices", lambda backend: found[backend])
    assert platform() == "gpu"
    for default in ("cpu", cpus[1]):
        with jax.default_device(default):
            assert (platform(), devices_in_use()) == ("cpu", cpus[:1])


def test_no_module_asks_for_the_platform_of_the_process():
    package = Path(dd_jax.__file__).parent
    asking = [
        p.name for p in package.rglob("*.py") if "default_backend" in p.read_text()
    ]
    assert asking == []
