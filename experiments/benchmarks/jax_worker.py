"""The dd_jax side of `versus_torch.py`: the package's own methods, trainer, attack."""

import os
import platform
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flops import flops
from jax import lax
from jax.flatten_util import ravel_pytree
from matmul import matmul_peak
from protocol import run_cases
from sizes import CASES, CLASSES, MEAN, STD, STRATEGY, Size

from dd_jax.attacks import ATTACKS
from dd_jax.data import dsa
from dd_jax.distill import METHODS, Method, Real, real_data
from dd_jax.models import build
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.stacked import stack_trees
from dd_jax.train import trainer
from dd_jax.types import Model

AUGMENT = dsa(STRATEGY, MEAN, STD)
FOREVER = np.iinfo(np.int32).max  # the schedule's length: no drop of the learning rate


def network(size: Size) -> Model:
    """The ConvNet of one size."""
    return build("convnet", CLASSES, size.image, mean=MEAN, std=STD, width=size.width)


def pixels(count: int, size: Size) -> np.ndarray:
    """Random images, `u8[count h w c]`."""
    return np.random.default_rng(0).integers(0, 256, (count, *size.image), np.uint8)


def stored(size: Size) -> Real:
    """The real images that distillation draws from."""
    labels = np.repeat(np.arange(CLASSES), size.stored)
    real = real_data(pixels(len(labels), size), labels)
    return jax.tree.map(jnp.asarray, real)


def problem(name: str, size: Size) -> tuple[Method, Real]:
    """`METHODS[name]` and the real data, with paths in place of experts for MTT."""
    model, real = network(size), stored(size)
    if name != "mtt":
        method = METHODS[name](
            model,
            ipc=1 if name == "dsa" else size.ipc,
            batch_real=size.batch_real,
            augment=AUGMENT.siamese,
        )
        return method, real
    method = METHODS[name](
        model,
        ipc=size.ipc,
        student_steps=size.student_steps,
        max_start=2,
        expert_epochs=1,
        augment_student=AUGMENT.independent,
    )
    start = ravel_pytree(model.init(jax.random.key(1))["params"])[0]
    path = start + 0.01 * jax.random.normal(jax.random.key(2), (1, 3, len(start)))
    return method, real._replace(experts=path.astype(jnp.float16))


def distillation(name: str, size: Size) -> Callable[[int], None]:
    """Steps of `METHODS[name]`, drawing of the real images included."""
    method, real = problem(name, size)

    @jax.jit
    def advance(state, real, first, last):
        def body(step, state):
            keys = jax.random.split(jax.random.fold_in(jax.random.key(0), step))
            return method.update(keys[0], state, method.sample(keys[1], real))[0]

        return lax.fori_loop(first, last, body, state)

    state, done = method.init(jax.random.key(0), real), 0

    def run(steps):
        nonlocal state, done
        state = jax.block_until_ready(advance(state, real, done, done + steps))
        done += steps

    return run


def training(nets: int | None, size: Size) -> Callable[[int], None]:
    """Epochs of one step each: of one network, or of several, each a step."""
    one = trainer(network(size), batch=size.batch, augment=AUGMENT.independent)
    images = jnp.asarray(pixels(size.batch, size))
    labels = jax.nn.one_hot(jnp.arange(size.batch) % CLASSES, CLASSES)
    rows = jnp.arange(size.batch)
    start, advance = jax.jit(one.init), jax.jit(one.advance)
    keys = jax.random.split(jax.random.key(0), nets or 1)

    def epochs(shared, key, state):
        return one.advance(key, state, images, labels, rows, 0.01, FOREVER, *shared)

    if nets is None:
        state = start(keys[0])
    else:
        states = [start(key) for key in keys]
        state = stack_trees(states)
        all_networks = map_models(epochs)
    done = 0

    def run(steps):
        nonlocal state, done
        span = done, done + steps
        if nets is None:
            state, _ = advance(
                keys[0], state, images, labels, rows, 0.01, FOREVER, *span
            )
        else:
            state, _ = all_networks(span, keys, state)
        jax.block_until_ready(state)
        done += steps

    return run


def attack(size: Size) -> Callable[[int], None]:
    """PGD on one network; a step is a whole attack."""
    model = network(size)
    params = model.init(jax.random.key(0))
    pgd = ATTACKS["pgd_linf"](eps=8 / 255, steps=size.attack_steps)
    images = jnp.asarray(pixels(size.attacked, size) / np.float32(255))
    labels = jnp.arange(size.attacked) % CLASSES

    @jax.jit
    def perturb(key, params):
        return pgd(key, lambda x: model.apply(params, x), images, labels)

    def run(steps):
        for step in range(steps):
            perturb(jax.random.key(step), params).block_until_ready()

    return run


def step_flops(case: str, size: Size) -> int:
    """Of the convolutions and matrix products of a step, written as plain ones."""
    key = jax.random.key(0)
    with made_for("gpu"):  # CPU takes some convolutions apart
        if case in METHODS:
            method, real = problem(case, size)
            state = method.init(key, real)
            step = lambda state: method.update(key, state, method.sample(key, real))
            return flops(step, state)
        model = network(size)
        params = jax.eval_shape(model.init, key)
        shape = lambda count: jax.ShapeDtypeStruct((count, *size.image), jnp.float32)
        if case == "pgd":
            pgd = ATTACKS["pgd_linf"](eps=8 / 255, steps=size.attack_steps)
            labels = jnp.arange(size.attacked) % CLASSES
            attack = lambda p, x: pgd(key, lambda x: model.apply(p, x), x, labels)
            return flops(attack, params, shape(size.attacked))
        loss = lambda p, x: model.apply(p, x).sum()
        nets = size.nets if case == "nets" else 1
        return nets * flops(jax.grad(loss), params, shape(size.batch))


def main() -> None:
    """Runs every case that this version of the package has."""
    methods = {name: partial(distillation, name) for name in CASES if name in METHODS}
    others = {
        "train": partial(training, None),
        "nets": lambda size: training(size.nets, size),
        "pgd": attack,
    }
    about = {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": jax.lib.__version__,
        "device": jax.devices()[0].device_kind,
        "threads": len(os.sched_getaffinity(0)),
        "matmul_tflops": matmul_peak("float32", side=2048),
    }
    run_cases(about, methods | others, step_flops)


if __name__ == "__main__":
    main()
