"""The programs that take the time, at the shapes of the published recipes.

One step of each method, one epoch of an expert, training of many networks, one joint
step of many shadows, and attacks. `tpu_compile.py` compiles them for accelerators that
are not at hand; `accelerator.py` times them on one that is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from program_sizes import Size

from dd_jax.attacks import ATTACKS
from dd_jax.data import dsa
from dd_jax.distill import METHODS, Method, Real, batched_form
from dd_jax.distill.methods.condensation import loops
from dd_jax.models import build
from dd_jax.runtime.parallel import map_models
from dd_jax.train import trainer
from dd_jax.types import Array, Key, Model

STRATEGY = "color_crop_cutout_flip_scale_rotate"
IDC_IMAGES, IDC_NETWORKS = "color+crop+cutout", "flip+color+crop_scale_rotate"
EPOCHS = 1000  # length of the schedule of training on a set


class Program(NamedTuple):
    """A pure function and what it is called with.

    Attributes:
      run: takes the arguments; one that learns takes a key and its state first and
        gives the next state first.
      arguments: `key -> arguments`, random; pure, so that `jax.eval_shape` of it gives
        their shapes.
      turns: how often a loop runs whose length is no constant of the program.
      learns: whether it goes from one state to the next, whose memory it can take.
      many: places of arguments with a leading axis of networks, which devices share;
        none where the devices share one network.
    """

    run: Callable[..., Any]
    arguments: Callable[[Key], tuple]
    turns: int = 1
    learns: bool = True
    many: tuple[int, ...] = ()


def programs(size: Size, pieces: int = 1) -> dict[str, Program]:
    """All hot programs at one size, by name.

    Args:
      size: their shapes.
      pieces: in how many turns networks are trained.

    >>> program = programs(Size((32, 32, 3), 10, 50_000))["pgd"]
    >>> _, _, images, _ = jax.eval_shape(program.arguments, jax.random.key(0))
    >>> images.shape
    (1000, 32, 32, 3)
    """
    _, epochs = loops(size.ipc)
    return {
        "dm": _step("dm", size),
        "dsa": _step("dsa", size)._replace(turns=epochs),
        "mtt": _step("mtt", size),
        "idc": _step("idc", size),
        "frepo": _step("frepo", size),
        "expert_epoch": _expert_epoch(size),
        "nets": _networks(size, pieces),
        "shadows": _joint_shadows(size),
        "pgd": _attack("pgd_linf", size, size.pgd_steps),
        "apgd": _attack("apgd_ce", size, size.apgd_steps),
    }


def network(size: Size) -> Model:
    """The ConvNet of one size."""
    channels = size.image[-1]
    shape = {"width": size.width, "depth": size.depth}
    means = {"mean": (0.5,) * channels, "std": (0.25,) * channels}
    return build("convnet", size.classes, size.image, **means, **shape)


def _augment(size: Size, strategy: str = STRATEGY):
    channels = size.image[-1]
    return dsa(strategy, (0.5,) * channels, (0.25,) * channels)


def _pixels(key: Key, count: int, size: Size) -> Array:
    return jax.random.bits(key, (count, *size.image), jnp.uint8)


def _real(key: Key, size: Size) -> Real:
    """Random images, the class of row i being i mod k."""
    each = size.rows // size.classes
    rows = jnp.arange(each * size.classes, dtype=jnp.int32).reshape(each, -1).T
    counts = jnp.full(size.classes, each, jnp.int32)
    return Real(_pixels(key, size.rows, size), rows, counts)


def _options(name: str, size: Size) -> dict:
    """What a published recipe says of a method."""
    augment = _augment(size)
    options = {"ipc": size.ipc, "init": "noise"}
    siamese = options | {"augment": augment.siamese, "batch_real": size.batch_real}
    learning = {"augment_net": augment.independent}
    return {
        "dm": siamese,
        "dsa": siamese | learning,
        "mtt": options
        | {
            "student_steps": size.student_steps,
            "batch_student": size.batch_student,
            "max_start": size.max_start,
            "experts": size.experts,
            "augment_student": augment.independent,
        },
        "idc": options
        | {
            "augment": _augment(size, IDC_IMAGES).siamese,
            "augment_net": _augment(size, IDC_NETWORKS).independent,
            "batch_real": size.batch_idc,
            "outer_steps": 100,
        },
        "frepo": options
        | learning
        | {"batch_real": max(1, size.batch_frepo // size.classes)},
    }[name]


def _step(name: str, size: Size) -> Program:
    """One step of a method, drawing of the real images included."""
    model = network(size)
    method = METHODS[name](model, **_options(name, size))

    def run(key, state, real):
        sample_key, update_key = jax.random.split(key)
        return method.update(update_key, state, method.sample(sample_key, real))

    def arguments(key):
        real_key, state_key, path_key, run_key = jax.random.split(key, 4)
        real = _real(real_key, size)
        state = method.init(state_key, real)
        return run_key, state, real._replace(experts=_paths(path_key, model, method))

    return Program(run, arguments)


def _paths(key: Key, model: Model, method: Method) -> Array | None:
    """Random walks in place of experts, `f16[e t p]`."""
    if method.experts is None:
        return None
    start = ravel_pytree(model.trainable(model.init(key)))[0].astype(jnp.float16)
    shape = method.experts.count, len(method.experts.epochs), len(start)
    return start + 0.01 * jax.random.normal(key, shape, jnp.float16)


def _expert_epoch(size: Size) -> Program:
    """An epoch of an expert on all real rows."""
    one = trainer(
        network(size),
        batch=size.batch,
        momentum=0.0,
        weight_decay=0.0,
        decay="none",
        augment=_augment(size).independent,
    )

    def run(key, state, images, labels, first):
        rows = jnp.arange(len(images))
        last = first + 1
        return one.advance(key, state, images, labels, rows, 0.01, last, first, last)

    def arguments(key):
        init_key, image_key, run_key = jax.random.split(key, 3)
        images = _pixels(image_key, size.rows, size)
        labels = jax.nn.one_hot(jnp.arange(size.rows) % size.classes, size.classes)
        return run_key, one.init(init_key), images, labels, jnp.int32(0)

    return Program(run, arguments)


def _networks(size: Size, pieces: int) -> Program:
    """An epoch of several networks, each on a synthetic set of its own."""
    one = trainer(network(size), batch=size.batch, augment=_augment(size).independent)
    total = size.classes * size.ipc

    def epoch(span, key, state, images, labels):
        rows, (first, last) = jnp.arange(total), span
        return one.advance(key, state, images, labels, rows, 0.01, EPOCHS, first, last)

    def run(keys, states, images, labels, span):
        at_once = "platform" if pieces == 1 else -(-len(keys) // pieces)
        mapped = map_models(epoch, chunk=at_once)
        return mapped(span, keys, states, images, labels)

    def arguments(key):
        init_key, image_key, run_key = jax.random.split(key, 3)
        keys = lambda key: jax.random.split(key, size.nets)
        images = jax.random.uniform(image_key, (size.nets, total, *size.image))
        labels = jnp.repeat(jnp.eye(size.classes), size.ipc, 0)
        labels = jnp.broadcast_to(labels, (size.nets, *labels.shape))
        states = jax.vmap(one.init)(keys(init_key))
        return keys(run_key), states, images, labels, (jnp.int32(0), jnp.int32(1))

    return Program(run, arguments, many=(0, 1, 2, 3))


def _joint_shadows(size: Size) -> Program:
    """A step of DM of several shadows that share network and real batch."""
    options = _options("dm", size)
    method = METHODS["dm"](network(size), **options)
    options["batch_real"] = size.batch_joint or 2 * size.batch_real
    joint = batched_form("dm")(network(size), **options)

    def run(key, states, real, member):
        sample_key, update_key = jax.random.split(key)
        return joint.update(update_key, states, joint.sample(sample_key, real, member))

    def arguments(key):
        real_key, state_key, member_key, run_key = jax.random.split(key, 4)
        real = _real(real_key, size)
        member = jax.random.bernoulli(member_key, 0.5, (size.shadows, size.rows))
        keys = jax.random.split(state_key, size.shadows)
        return run_key, jax.vmap(lambda k: method.init(k, real))(keys), real, member

    return Program(run, arguments)


def _attack(name: str, size: Size, steps: int) -> Program:
    """An attack of one network, Linf 8/255."""
    model = network(size)
    attack = ATTACKS[name](eps=8 / 255, steps=steps)

    def run(key, params, images, labels):
        return attack(key, partial(model.apply, params), images, labels)

    def arguments(key):
        init_key, image_key, run_key = jax.random.split(key, 3)
        images = jax.random.uniform(image_key, (size.attacked, *size.image))
        labels = jnp.arange(size.attacked, dtype=jnp.int32) % size.classes
        return run_key, model.init(init_key), images, labels

    return Program(run, arguments, learns=False)
