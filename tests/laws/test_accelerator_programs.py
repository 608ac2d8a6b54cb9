"""Laws on the programs that accelerators are given; most are traced and not run."""

import re
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxprs import counts, loops, operations
from test_methods import CLASSES, IPC, VARIANTS, equal, make, network, toy_real

from dd_jax.attacks import ATTACKS
from dd_jax.audits.privacy import signals
from dd_jax.data import dsa
from dd_jax.distill import batched_form
from dd_jax.distill.base import real_data
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.loss_matching import siamese
from dd_jax.runtime.device_memory import memory_of
from dd_jax.runtime.loop import run_loop
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.stacked import repeated, stack_trees
from dd_jax.train import evaluate, trainer
from dd_jax.train.many import Schedule, train_on_sets
from dd_jax.types import Split, SyntheticSet

ROWS, STUDENT_STEPS, WINDOW = 70, 5, 2  # rows of a class: more than any piece of CPU's
AUGMENT = dsa("color_crop_cutout_flip", (0.4,), (0.3,))
# Lengths of loops that may remain: classes, whose gradients are quicker in turn; steps
# of students and of networks; epochs of a network, one batch each.
LOOPS = {
    "dm": (),
    "mtt": (STUDENT_STEPS,),
    "dc": (CLASSES, 0, 1),
    "dsa": (CLASSES, 0, 1),
    "idc": (CLASSES, 0, 1),
    "idc_i": (CLASSES, 0, 1),
    "frepo": (0, 1),
    "dance": (0, 1),
    "ncfm": (0, 1),
    "rat_bptt": (0, WINDOW),
}


def many_rows():
    """The toy with 70 rows a class."""
    small = toy_real()
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), ROWS)
    images = np.resize(small.images, (len(labels), 8, 8, 1))
    return real_data(images, labels)._replace(experts=small.experts)


def wide(name):
    """A method on batches that CPU would cut into pieces."""
    more = {"student_steps": STUDENT_STEPS} if name == "mtt" else {"batch_real": ROWS}
    if name == "frepo":
        more = {}
    return make(name, init="noise", **more)


def slow(*names):
    return [
        pytest.param(name, marks=[pytest.mark.slow] if name in names else [])
        for name in LOOPS
    ]


@pytest.mark.parametrize(
    "platform", ["gpu", pytest.param("tpu", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", slow(*VARIANTS, "idc", "frepo", "ncfm"))
def test_no_step_loops_over_images(name, platform):
    method, real, key = wide(name), many_rows(), jax.random.key(0)
    state = method.init(key, real)
    with made_for(platform):
        batch = jax.eval_shape(lambda key: method.sample(key, real), key)
        step = jax.make_jaxpr(method.update)(key, state, batch)
        drawn = jax.make_jaxpr(lambda key: method.sample(key, real))(key)
    assert set(loops(step)) <= set(LOOPS[name]) and not loops(drawn)
    assert not re.search(r"batch_group_count=(?!1\b)\d|f64\[|callback", str(step))


@pytest.mark.parametrize("name, allowed", [("dm", set()), ("dsa", {CLASSES, 0, 1})])
def test_no_step_of_joint_shadows_loops_over_images_or_shadows(name, allowed):
    method, joint = wide(name), batched_form(name)(network(), ipc=IPC, batch_real=ROWS)
    real, key = many_rows(), jax.random.key(0)
    states = repeated(method.init(key, real), 5)
    with made_for("gpu"):
        member = jnp.ones((5, CLASSES * ROWS), bool)
        batch = jax.eval_shape(lambda key: joint.sample(key, real, member), key)
        step = jax.make_jaxpr(joint.update)(key, states, batch)
    assert set(loops(step)) <= allowed
    assert not re.search(r"batch_group_count=(?!1\b)\d|f64\[|callback", str(step))


def networks(count):
    return jax.vmap(network().init)(jax.random.split(jax.random.key(1), count))


def chosen(images, chunk):
    """Logits of two networks, as accuracy and as membership want them."""
    flipped = signals.queries(flip=True)
    return {
        "logits": lambda p: evaluate._program_of_each(network(), "apply")(images, p),
        "queries": lambda p: signals.query_logits(
            network().apply, p, images, flipped, chunk=chunk
        ),
    }


@pytest.mark.parametrize("name", ["logits", "queries"])
def test_networks_and_images_are_one_batch_where_they_fit(name):
    images, params = many_rows().images, networks(2)
    fun = chosen(images, 30)[name]
    on_cpu = fun(params)
    with made_for("gpu"):
        assert not loops(jax.make_jaxpr(fun)(params))
        np.testing.assert_allclose(fun(params), on_cpu, rtol=1e-4, atol=1e-5)
        with memory_of(2_500_000):  # a half, for two networks: 60 images
            assert loops(jax.make_jaxpr(fun)(params)) == [4]
            np.testing.assert_allclose(fun(params), on_cpu, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dm", "mtt", "rat_bptt"])
def test_a_step_in_pieces_that_fit_is_the_step(name):
    """Real images of `dm`, rows of a student of `mtt`, both of `rat_bptt`."""
    method, real, key = wide(name), many_rows(), jax.random.key(0)
    state, batch = method.init(key, real), method.sample(key, real)
    found = {}
    for memory in (1 << 40, 400_000):
        with made_for("gpu"), memory_of(memory):
            step = jax.make_jaxpr(method.update)(key, state, batch)
            found[memory] = len(loops(step)), jax.jit(method.update)(key, state, batch)
    (few, whole), (more, pieces) = found.values()
    assert more > few
    close(pieces, whole)


def close(got, expected):
    """Each array to 1e-4 of its largest entry."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        scale = float(jnp.abs(jnp.float32(b)).max())
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * scale)


def close_as_a_whole(got, expected):
    """All arrays together, to 1e-4 of the largest entry."""
    got, expected = (
        jnp.concatenate([jnp.ravel(a) for a in jax.tree.leaves(tree)] + [jnp.zeros(1)])
        for tree in (got, expected)
    )
    close(got, expected)


@pytest.mark.parametrize("name", slow(*LOOPS.keys() - {"dm"}))
def test_a_step_is_that_of_cpu(name):
    method, key = wide(name), jax.random.key(0)
    real = many_rows()
    state = method.init(key, real)
    batch = jax.jit(method.sample)(jax.random.key(1), real)
    step = jax.jit(method.update)
    expected = step(key, state, batch)
    with made_for("gpu"):
        got = step(key, state, batch)
    (got, info), (expected, expected_info) = got, expected
    close(info, expected_info)
    if hasattr(expected, "net"):  # whose biases before a norm have gradients of noise
        close_as_a_whole(got.net.params, expected.net.params)
        close_as_a_whole(got.net.opt, expected.net.opt)
        got, expected = got._replace(net=()), expected._replace(net=())
    close(got, expected)


@pytest.mark.parametrize("operation", ["color", "crop", "cutout", "flip", "scale"])
def test_classes_are_augmented_together_by_as_many_gathers_as_one(operation):
    """A gather takes a pixel of all images of a class; no loop, no scatter."""
    augment, key = dsa(operation, (0.4,), (0.3,)).siamese, jax.random.key(0)
    images = jnp.zeros((CLASSES, ROWS, 8, 8, 1))
    with made_for("tpu"):
        together = jax.make_jaxpr(partial(siamese, augment, key))(images)
        one = jax.make_jaxpr(partial(augment, key))(images[0])
    assert not loops(together)
    for primitive in ("gather", "scatter", "scatter-add"):
        assert counts(together)[primitive] == counts(one)[primitive] <= 4
    for found in operations(together):
        if found.primitive.name == "gather":
            assert ROWS in found.params["slice_sizes"]


def test_augmented_classes_are_those_of_cpu():
    images = many_rows().images.reshape(CLASSES, ROWS, 8, 8, 1) / 255
    change = jax.jit(partial(siamese, AUGMENT.siamese))
    for key in jax.random.split(jax.random.key(0), 4):
        expected = change(key, images)
        with made_for("gpu"):
            np.testing.assert_allclose(change(key, images), expected, atol=1e-6)


def distilling(loop, counted, joint):
    """Three sets that are distilled at once, each by itself or jointly."""
    real = toy_real()
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), real.counts)
    data = Split(np.asarray(real.images), labels)
    keys, member = jax.random.split(jax.random.key(0), 3), np.ones((3, 18), bool)
    method, batched = make("dm", init="noise"), None
    if joint:
        batched = batched_form("dm")(network(), ipc=IPC, batch_real=4)
        batched = batched._replace(update=counted(batched.update))
    else:
        method = method._replace(update=counted(method.update))
    schedule = Schedule(4, 1)
    return distil_many(method, keys, data, member, schedule, loop, batched=batched)[0]


def training(loop, counted):
    """Three networks on a set each."""
    images = jax.random.uniform(jax.random.key(0), (3, 6, 8, 8, 1))
    labels = jnp.stack([jnp.repeat(jnp.eye(CLASSES), 2, 0)] * 3)
    sets = SyntheticSet(images, labels, jnp.full(3, 0.01))
    keys, one = jax.random.split(jax.random.key(1), 3), trainer(network())
    one = one._replace(advance=counted(one.advance))
    return train_on_sets(one, keys, sets, Schedule(4, 1), loop)


def counting(traces):
    """Makes a function that notes when it is traced; of each function one."""
    return cache(
        lambda fun: lambda *args, **rest: traces.append(fun) or fun(*args, **rest)
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "run", [partial(distilling, joint=False), partial(distilling, joint=True), training]
)
def test_calls_take_the_memory_of_the_last_state_and_trace_once(run, tmp_path, recwarn):
    """And who saves a state, or goes on from a saved one, never reads it again."""
    given, traces = [], []
    counted = counting(traces)

    def watching(advance, state, **schedule):
        def watched(state, first, last):
            given.append((state, len(traces)))
            return advance(state, first, last)

        return run_loop(watched, state, **schedule)

    def saving(end, advance, state, **schedule):
        schedule |= {"total": end, "folder": tmp_path, "save_seconds": 0.0}
        return run_loop(advance, state, **schedule)

    with made_for("gpu"):
        whole = run(watching, counted)
        first, *others = [count for _, count in given[1:]]
        run(partial(saving, 2), counted)
        resumed = run(partial(saving, 4), counted)
    equal(resumed, whole)
    assert others == [first, first] and len(traces) == first
    for state, _ in given:
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    assert not [w for w in recwarn if "donate" in str(w.message)]


def test_training_and_attacks_loop_over_steps_alone():
    """Epochs of three steps; APGD over its targets, too."""
    model, key = network(), jax.random.key(0)
    params, one = model.init(key), trainer(model, batch=4)
    x, y = jnp.zeros((11, 8, 8, 1)), jnp.zeros(11, jnp.int32)

    def attacked(name, key, params, x, y):
        logits_fn = partial(model.apply, params)
        return ATTACKS[name](eps=0.1, steps=7)(key, logits_fn, x, y)

    def trained(key, params, x, y):
        labels, rows = jax.nn.one_hot(y, CLASSES), jnp.arange(11)
        return one.advance(key, one.init(key), x, labels, rows, 0.01, 5, 0, 5)

    for fun, expected in (
        (trained, [3, 5]),
        (partial(attacked, "pgd_linf"), [7]),
        (partial(attacked, "apgd_t"), [CLASSES - 1, 7]),
    ):
        several = jax.vmap(fun, (None, 0, None, None))
        with made_for("gpu"):
            params_of_two = stack_trees([params, params])
            program = jax.make_jaxpr(several)(key, params_of_two, x, y)
        assert loops(program) == expected
        assert not re.search(r"batch_group_count=(?!1\b)\d|f64\[", str(program))
