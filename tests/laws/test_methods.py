"""One battery of laws over every registered distillation method."""

import inspect
import re
from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.export import export
from jax.flatten_util import ravel_pytree

from dd_jax import catalogue, distill
from dd_jax.data.zca import fit_zca, zca_space
from dd_jax.distill import METHODS, real_data
from dd_jax.models import build
from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.device_programs import over_devices
from dd_jax.runtime.platform import made_for
from dd_jax.runtime.precision import computing_in
from dd_jax.runtime.stacked import repeated, stack_trees
from dd_jax.train.losses import cross_entropy

CLASSES, IPC = 3, 2
MEAN, STD = (0.4,), (0.3,)


def toy_experts(model, images, labels, epochs=3):
    """Paths of plain gradient descent, a few steps an epoch, `f16[1 epochs+1 p]`."""
    params = model.init(jax.random.key(7))
    hard = jax.nn.one_hot(labels, CLASSES)

    def loss_fn(params):
        logits, _ = model.train_apply(params, images / 255.0)
        return jax.vmap(cross_entropy)(logits, hard).mean()

    @jax.jit
    def epoch(params):
        step = lambda _, p: jax.tree.map(
            lambda w, g: w - 0.1 * g, p, jax.grad(loss_fn)(p)
        )
        return jax.lax.fori_loop(0, 5, step, params)

    path = [params]
    for _ in range(epochs):
        path.append(epoch(path[-1]))
    return np.stack([ravel_pytree(p)[0] for p in path]).astype(np.float16)[None]


def network():
    return build("convnet", CLASSES, (8, 8, 1), mean=MEAN, std=STD, width=4, depth=1)


def perceptron():
    """A network that compiles in less time."""
    return build("mlp", CLASSES, (8, 8, 1), mean=MEAN, std=STD)


def toy_real(model=None, seed=0):
    """Noisy 8x8 images whose class is where they are bright."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), 6)
    images = rng.integers(0, 90, (len(labels), 8, 8, 1), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[:, 3 * label : 3 * label + 2] += 150
    order = rng.permutation(len(labels))
    images, labels = images[order], labels[order]
    experts = toy_experts(model or network(), images, labels)
    return real_data(images, labels)._replace(experts=experts)


def dimmed(key, images):
    """A siamese augmentation that compiles quickly."""
    return images * jax.random.uniform(key, minval=0.8)


OPTIONS = {name: {} for name in METHODS} | {
    "dm": {"batch_real": 4},
    "mtt": {"student_steps": 4, "expert_epochs": 1, "max_start": 3, "lr": 10.0},
    "dc": {"batch_real": 4, "outer_steps": 3, "net_epochs": 2, "lr": 1.0},
    "dsa": {"batch_real": 4, "outer_steps": 3, "net_epochs": 2, "lr": 1.0},
    "idc_i": {"batch_real": 4, "outer_steps": 3, "net_steps": 1, "lr": 0.05},
    "idc": {"batch_real": 4, "outer_steps": 3, "net_steps": 1, "lr": 0.02},
    "frepo": {"batch_real": 4, "outer_steps": 3, "pool": 2},
    "dance": {"batch_real": 4},
    "ncfm": {"batch_real": 4, "factor": 1, "frequencies": 16},
    "rat_bptt": {
        "batch_real": 4,
        "window": 2,
        "unroll": 4,
        "inner_lr": 0.02,
        "lr": 0.05,
    },
}

DATM = {"first_max_start": 1, "growth": 3, "label_epoch": 3, "lr_labels": 1.0}
OPTIONS["datm"] = OPTIONS["mtt"] | DATM | {"lr": 200.0}


FALL = {
    "mtt": 0.9,
    "datm": 0.95,
    "idc_i": 0.8,
    "idc": 0.6,
    "ncfm": 0.7,
}  # what 40 steps reach


def taken(factory, **options):
    """Those of the options that the method takes, by its signature."""
    known = inspect.signature(factory).parameters
    return {name: value for name, value in options.items() if name in known}


def factory(name):
    """That of a method, or of a form that has no name of its own."""
    return METHODS["mtt" if name == "datm" else name]


def make(name, init, model=None, **kw):
    options = dict(augment=dimmed, augment_student=dimmed)
    options = taken(factory(name), **options) | OPTIONS[name] | kw
    return factory(name)(model or network(), ipc=IPC, init=init, **options)


VARIANTS = ("dc", "idc_i")  # dsa and idc with one part left out, the same functions


def slow(name):
    return pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(
    scope="module",
    params=[*(name for name in METHODS if name not in VARIANTS), slow("datm")],
)
def case(request):
    method = make(request.param, init="noise")
    real = toy_real()
    sample = jax.jit(method.sample)
    state = method.init(jax.random.key(0), real)
    chex.clear_trace_counter()  # it counts by code, which several methods share
    update = jax.jit(chex.assert_max_traces(method.update, n=1))
    return SimpleNamespace(
        name=request.param,
        method=method,
        real=real,
        sample=sample,
        batch=sample(jax.random.key(1), real),
        state=state,
        update=update,
    )


def equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def run(case, state, steps):
    for i in steps:
        state, _ = case.update(jax.random.key(i), state, case.batch)
    return state


def test_update_keeps_structure_shapes_and_dtypes(case):
    state, info = case.update(jax.random.key(2), case.state, case.batch)
    chex.assert_trees_all_equal_shapes_and_dtypes(state, case.state)
    assert jax.tree.structure(state) == jax.tree.structure(case.state)
    assert info["loss"].shape == () and info["loss"].dtype == jnp.float32


def test_updates_trace_once(case):
    state = case.state
    for i in range(3):  # case.update raises when traced again
        batch = case.sample(jax.random.key(i), case.real)
        state, _ = case.update(jax.random.key(i), state, batch)


@pytest.mark.slow
def test_a_step_in_bfloat16_is_near_that_in_float32(case):
    if not case.method.steps:
        pytest.skip("a selection computes nothing")
    arguments = jax.random.key(2), case.state, case.batch
    with computing_in("bfloat16"):
        state, info = jax.jit(case.method.update)(*arguments)
    exact, exact_info = case.update(*arguments)
    chex.assert_trees_all_equal_shapes_and_dtypes((state, info), (exact, exact_info))
    chex.assert_tree_all_finite((state, info))
    before, low, high = (case.method.read(s).images for s in (case.state, state, exact))
    moved, missed = np.linalg.norm(high - before), np.linalg.norm(low - high)
    assert 0 < missed < 0.3 * moved  # idc sums signs: 0.22, others less


@pytest.mark.slow
def test_jit_equals_eager(case):
    arguments = jax.random.key(3), case.state, case.batch
    chex.assert_trees_all_close(
        case.update(*arguments), case.method.update(*arguments), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_vmap_over_keys(case):
    keys = jax.random.split(jax.random.key(4), 2)
    states = [case.method.init(key, case.real) for key in keys]
    batches = [case.sample(key, case.real) for key in keys]
    mapped = jax.jit(jax.vmap(case.method.update))
    got = mapped(keys, stack_trees(states), stack_trees(batches))
    singles = [case.update(*one) for one in zip(keys, states, batches)]
    chex.assert_trees_all_close(got, stack_trees(singles), rtol=1e-4, atol=1e-5)


TRACED = {
    "lr": 0.5,
    "lr_labels": 0.3,
    "train_lr": 0.2,
    "student_lr": 0.1,
    "lr_lr": 0.01,
    "expert_weight": 0.3,
    "scale": 2.0,
    "inner_lr": 0.03,
}
OF_ADAM = {"ncfm": {"lr": 0.01}}  # by which each pixel moves: 0.5 is half of its range


@pytest.mark.parametrize(
    "name",
    [
        e.name if e.name == "dm" else slow(e.name)
        for e in catalogue.entries("method")
        if e.traits.get("traced")
    ],
)
def test_traced_hyper_parameters_act_as_constants_do(name):
    names = catalogue.entry("method", name).traits["traced"]
    values = {key: TRACED[key] for key in names if key != "expert_lr"}
    values |= OF_ADAM.get(name, {})
    given = values | {key: 0.05 for key in names if key == "expert_lr"}
    # Adam's derivative magnifies rounding where a gradient is almost zero, as some are
    # among the thousands of a perceptron.
    model = network() if name == "rat_bptt" else perceptron()
    constant, real = make(name, "noise", model, **given), toy_real(model)
    key, state = jax.random.key(1), constant.init(jax.random.key(0), real)

    @jax.jit
    def step(given):
        method = make(name, "noise", model, **given)
        return method.update(key, state, method.sample(key, real))[0]

    found, wanted = (
        step(given),
        jax.jit(constant.update)(key, state, constant.sample(key, real))[0],
    )
    chex.assert_trees_all_close(found, wanted, rtol=1e-5, atol=1e-6)
    read = lambda state: constant.read(state)._asdict()
    for one in values.keys() & {"lr", "lr_labels", "lr_lr"}:  # each makes a difference
        other = read(step(given | {one: 2 * given[one]}))
        assert any(
            (other[k] != v).any() for k, v in read(found).items() if k != "metadata"
        )


LEARNING = [e.name for e in catalogue.entries("method") if not e.traits.get("selects")]
OFTEN = [("dm", 2, "pmap"), ("mtt", 8, "shard_map")]
ALL = [(name, *way) for name in LEARNING for way in ((2, "shard_map"), (8, "pmap"))]


@pytest.mark.parametrize(
    "name, devices, backend, model",
    [(*one, perceptron) for one in OFTEN]
    + [pytest.param(*one, network, marks=pytest.mark.slow) for one in ALL],
)
def test_several_devices_learn_what_one_does(name, devices, backend, model):
    """Three steps on three classes; sums have another order."""
    method, real = make(name, "noise", model()), toy_real(model())
    batch = jax.jit(method.sample)(jax.random.key(1), real)

    def learned(update):
        state = method.init(jax.random.key(0), real)
        for i in range(3):
            state, info = update(jax.random.key(i), state, batch)
        return getattr(state, "learned", state), info

    assert method.splits
    one = learned(jax.jit(method.update))
    several = learned(over_devices(method.update, jax.devices()[:devices], backend))
    for a, b in zip(jax.tree.leaves(several), jax.tree.leaves(one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_vmapped_sample_equals_single_samples(case):
    keys = jax.random.split(jax.random.key(4), 2)
    got = jax.vmap(case.method.sample, (0, None))(keys, case.real)
    equal(got, stack_trees([case.sample(key, case.real) for key in keys]))


def test_same_key_same_bits(case):
    equal(case.method.init(jax.random.key(0), case.real), case.state)
    equal(case.sample(jax.random.key(1), case.real), case.batch)
    first, again = run(case, case.state, range(2)), run(case, case.state, range(2))
    equal(first, again)


def test_another_key_another_step(case):
    if not case.method.steps:
        pytest.skip("a selection draws nothing after its start")
    losses = {
        float(case.update(jax.random.key(i), case.state, case.batch)[1]["loss"])
        for i in ((0, 9, 10, 11) if case.name == "frepo" else (0, 9))
    }  # frepo draws a network alone, of a pool of two
    assert len(losses) > 1


def test_resume_equals_a_straight_run(case, tmp_path):
    half = run(case, case.state, range(2))
    Checkpoints(tmp_path).save(2, 1.5, half)
    step, seconds, loaded = Checkpoints(tmp_path).latest(case.state)
    assert (step, seconds) == (2, 1.5)
    loaded = jax.device_get(loaded)  # as arrays of no device: the same program runs
    equal(run(case, loaded, range(2, 4)), run(case, case.state, range(4)))


def test_loss_falls_on_a_toy(case):
    if not case.method.steps:
        pytest.skip("a selection has nothing to descend")
    keys = jax.random.split(jax.random.key(5), 8)
    later = run(case, case.state, range(100, 140))
    if hasattr(later, "learned"):  # evaluated by fresh networks, as at the start
        later = case.state._replace(learned=later.learned)
    loss = lambda state: np.mean(
        [case.update(key, state, case.batch)[1]["loss"] for key in keys]
    )
    assert loss(later) < FALL.get(case.name, 0.5) * loss(case.state)


@pytest.mark.parametrize("platform", [slow("cpu"), slow("cuda"), "tpu"])
def test_update_lowers_for_every_platform(case, platform):
    """In one process, with the convolutions of that platform."""
    with made_for(platform):
        step = export(jax.jit(case.method.update), platforms=[platform])
        program = step(jax.random.key(3), case.state, case.batch)
    assert program.platforms == (platform,)


@pytest.mark.parametrize("platform", [slow("cpu"), "gpu"])
def test_vmapped_update_has_no_batch_grouped_convolution(case, platform):
    keys, method = jax.random.split(jax.random.key(6), 2), case.method
    state, batch = case.state, case.batch
    if case.name == "datm":
        pytest.skip("experts are stored without batch statistics")
    if platform == "gpu" and method.steps:  # one channel is no convolution there
        model, real = odd_real()
        method = factory(case.name)(model, ipc=IPC, init="noise", **OPTIONS[case.name])
        state = method.init(keys[0], real)
        batch = method.sample(keys[0], real)
    several = repeated(state, 2), repeated(batch, 2)
    with made_for(platform):
        program = str(jax.make_jaxpr(jax.vmap(method.update))(keys, *several))
    assert not re.search(r"batch_group_count=(?!1\b)\d+", program)
    if platform == "gpu" and method.steps:
        assert "feature_group_count=2" in program


def test_read_gives_probabilities_in_class_order(case):
    state = run(case, case.state, range(2))
    synthetic = jax.jit(case.method.read)(state)
    count = IPC * (4 if case.name in ("idc", "dance") else 1)
    assert synthetic.images.shape == (CLASSES * count, 8, 8, 1)
    assert synthetic.labels.shape == (CLASSES * count, CLASSES)
    assert synthetic.lr.shape == ()
    assert {a.dtype for a in synthetic[:3]} == {jnp.dtype("float32")}
    assert np.isfinite(synthetic.images).all() and float(synthetic.lr) > 0
    np.testing.assert_allclose(synthetic.labels.sum(1), 1, atol=1e-6)
    assert np.min(synthetic.labels) >= 0
    if case.name == "datm":
        return  # these experts were not trained, so that their classes are others
    order = np.repeat(np.arange(CLASSES), count)
    np.testing.assert_array_equal(np.argmax(synthetic.labels, 1), order)


def test_images_come_under_their_own_class(case):
    method = make(case.name, init="real")
    state = method.init(jax.random.key(0), case.real)
    if case.name == "rded":
        pytest.skip("crops move columns; its own test follows them")
    columns = np.asarray(method.read(state).images).mean((1, 3))
    classes = np.repeat(np.arange(CLASSES), len(columns) // CLASSES)
    np.testing.assert_array_equal(columns[:, [0, 3, 6]].argmax(1), classes)


def odd_real():
    """Few rows of two classes, uneven, in colour and not square; experts to follow."""
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 10, 3), dtype=np.uint8)
    fitted = fit_zca(images)
    space = zca_space(lambda: fitted)
    options = {"norm": "batch", "width": 4, "depth": 1, "space": space}
    model = build("convnet", 2, (12, 10, 3), **options)
    start = ravel_pytree(model.trainable(model.init(jax.random.key(7))))[0]
    path = np.float16(start + 0.05 * np.arange(4)[:, None] * np.sin(50 * start))
    labels = np.repeat(np.arange(2, dtype=np.int32), (3, 5))
    return model, real_data(images, labels)._replace(experts=path[None])


@pytest.mark.parametrize(
    "name",
    [
        e.name if e.name == "dm" else slow(e.name)
        for e in catalogue.entries("method")
        if not e.traits.get("selects")
    ],
)
def test_tiles_soft_labels_and_zca_work_with_every_method(name):
    model, real = odd_real()
    wrapped = dict(factor=2, multi=True, augment=dimmed, augment_student=dimmed)
    wrapped = taken(METHODS[name], **wrapped) | {"lr_labels": 1.0}
    in_each = 1 + 4 if "factor" in wrapped else 1  # none in IDC-I, whose factor is 1
    method = METHODS[name](model, ipc=2, init="noise", **(OPTIONS[name] | wrapped))
    state = method.init(jax.random.key(0), real)
    batch = method.sample(jax.random.key(1), real)
    new, info = jax.jit(method.update)(jax.random.key(2), state, batch)
    before, after = method.read(state), method.read(new)
    assert after.images.shape == (2 * 2 * in_each, 12, 10, 3)
    assert after.labels.shape == (2 * 2 * in_each, 2)
    assert np.isfinite(info["loss"]) and np.isfinite(after.images).all()
    assert (after.images != before.images).any((1, 2, 3)).all()
    assert (after.labels != before.labels).any()
    np.testing.assert_allclose(after.labels.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_the_signature_names_all_that_a_method_takes(name):
    """So a config's keys reach a method by its signature, with no list of its own."""
    model, *options = inspect.signature(METHODS[name]).parameters.values()
    assert model.name == "model" and {p.kind for p in options} == {model.KEYWORD_ONLY}
    defaults = {p.name: p.default for p in options}
    assert defaults.pop("ipc") is inspect.Parameter.empty
    assert (
        defaults["init"] == "real" and inspect.Parameter.empty not in defaults.values()
    )
    described = re.findall(r"`(\w+)`", distill.Method.__doc__)
    described += re.findall(r"^ +(\w+): ", METHODS[name].__doc__, re.M)
    assert set(defaults) <= set(described)
    METHODS[name](network(), ipc=IPC, **defaults)
    with pytest.raises(TypeError, match="unheard_of"):
        METHODS[name](network(), ipc=IPC, unheard_of=1)


def test_classes_are_divided_in_gradient_matching():
    """Three classes: loops over all of them on one device, over two on two devices."""
    method, real = make("dsa", "noise", perceptron()), toy_real(perceptron())
    batch = method.sample(jax.random.key(1), real)
    arguments = jax.random.key(2), method.init(jax.random.key(0), real), batch
    two = over_devices(method.update, jax.devices()[:2], "shard_map")

    def lengths(fun):
        program = str(jax.make_jaxpr(fun)(*arguments))
        return set(re.findall(r"length=(\d+)", program))

    assert "3" in lengths(method.update)
    assert lengths(two) == lengths(method.update) - {"3"} | {"2"}
