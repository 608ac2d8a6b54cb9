"""Trajectory matching against finite differences, loops and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from dd_jax.distill import METHODS, real_data
from dd_jax.distill.methods.checkpointed_steps import MEMORY
from dd_jax.distill.methods.student import (
    TrajectorySegment,
    exact_gradient,
    tesla_gradient,
)
from dd_jax.distill.methods.trajectory_matching import (
    ExpertSample,
    shuffled,
    start_epoch,
)
from dd_jax.models import build
from dd_jax.train.losses import cross_entropy
from dd_jax.types import InputError, Model, SyntheticSet

CLASSES, STEPS = 3, 6


def mlp():
    return build("mlp", CLASSES, (4, 4, 1), mean=(0.4,), std=(0.3,))


def problem(steps=STEPS):
    """A small smooth student: soft-plus regression of labels on pixels."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)
    made = SyntheticSet(draw(4, 2, 2, 1), jax.nn.softmax(draw(4, 2)), jnp.float32(0.3))

    def gradient(w, made, key, rows):
        def loss_fn(w):
            x = made.images[rows].reshape(len(rows), -1)
            logits = jax.nn.softplus(x @ w.reshape(4, 2))
            return jax.vmap(cross_entropy)(logits, made.labels[rows]).mean()

        return jax.grad(loss_fn)(w)

    keys = jax.random.split(jax.random.key(0), steps)
    rows = shuffled(jax.random.key(1), 4, steps, 3)
    return gradient, made, TrajectorySegment(draw(8), draw(8), keys, rows)


def rolled(gradient, made, segment):
    w = segment.start
    for key, rows in zip(segment.keys, segment.rows):
        w = w - made.lr * gradient(w, made, key, rows)
    far = ((segment.start - segment.target) ** 2).sum()
    return ((w - segment.target) ** 2).sum() / far


@pytest.mark.parametrize(
    "memory", [0, 300, pytest.param(MEMORY, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("steps", [1, pytest.param(6, marks=pytest.mark.slow), 7, 9])
def test_exact_distance_and_gradient_equal_an_unrolled_loop(steps, memory):
    gradient, made, segment = problem(steps)
    loss, grad = jax.jit(lambda m: exact_gradient(gradient, m, segment, memory))(made)
    reference = jax.value_and_grad(lambda m: rolled(gradient, m, segment))(made)
    np.testing.assert_allclose(loss, reference[0], rtol=1e-5)
    for got, expected in zip(grad[:3], reference[1][:3]):
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-6)


def smooth_mlp():
    """Two layers with tanh: finite differences see no kinks."""

    def init(key):
        a, b = jax.random.split(key)
        one, two = jax.random.normal(a, (16, 8)), jax.random.normal(b, (8, CLASSES))
        return {"params": {"one": 0.3 * one, "two": 0.3 * two}}

    def train_apply(params, images):
        layers = params["params"]
        hidden = jnp.tanh(images.reshape(len(images), -1) @ layers["one"])
        return hidden @ layers["two"], {}

    return Model(init, None, None, train_apply)


def test_the_gradient_of_an_update_equals_finite_differences_on_an_mlp():
    model = smooth_mlp()
    start, _ = ravel_pytree(model.init(jax.random.key(0)))
    target = start + 0.3 * jax.random.normal(jax.random.key(1), start.shape)
    drawn = ExpertSample(jnp.stack([start, target]), jnp.float32(0))
    method = METHODS["mtt"](
        model,
        ipc=2,
        student_steps=7,
        expert_epochs=1,
        max_start=1,
        batch_student=4,
        lr=1.0,
        lr_lr=1.0,
        momentum=0.0,
        train_lr=0.5,
    )
    update = jax.jit(method.update)
    state = method.init(jax.random.key(2), real())
    new, _ = update(jax.random.key(3), state, drawn)
    theta, moved = state.learned.params, new.learned.params
    slope = jax.tree.map(jnp.subtract, theta, moved)

    def loss(theta):
        learned = state.learned._replace(params=theta)
        other = state._replace(learned=learned)
        return float(update(jax.random.key(3), other, drawn)[1]["loss"])

    for seed in range(3):
        draw = jax.random.normal(jax.random.key(seed), theta["images"].shape)
        step = {"images": 0.02 * draw, "log_lr": jnp.float32(0.02 * (seed - 1))}
        ahead = loss(jax.tree.map(jnp.add, theta, step))
        behind = loss(jax.tree.map(jnp.subtract, theta, step))
        along = sum(float(jnp.vdot(slope[name], step[name])) for name in step)
        assert along == pytest.approx((ahead - behind) / 2, rel=0.03, abs=3e-6)


@pytest.mark.slow
def test_detached_gradient_is_exact_for_one_step_and_less_after():
    gradient, made, segment = problem(1)
    for got, expected in zip(
        jax.tree.leaves(tesla_gradient(gradient, made, segment)),
        jax.tree.leaves(exact_gradient(gradient, made, segment)),
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
    gradient, made, segment = problem(6)
    near, true = (
        f(gradient, made, segment)[1].images for f in (tesla_gradient, exact_gradient)
    )
    assert not np.allclose(near, true, rtol=0.02)
    cosine = jnp.vdot(near, true) / (jnp.linalg.norm(near) * jnp.linalg.norm(true))
    assert float(cosine) > 0.5


def test_detached_gradient_equals_a_sum_over_steps():
    gradient, made, segment = problem(5)
    _, got = jax.jit(lambda m: tesla_gradient(gradient, m, segment))(made)
    points = [segment.start]
    for key, rows in zip(segment.keys, segment.rows):
        points.append(points[-1] - made.lr * gradient(points[-1], made, key, rows))
    far = ((segment.start - segment.target) ** 2).sum()
    pull = 2 * (points[-1] - segment.target) / far

    def along(images, w, key, rows):
        return pull @ gradient(w, made._replace(images=images), key, rows)

    total = 0.0
    for at in zip(points, segment.keys, segment.rows):
        total = total - made.lr * jax.grad(along)(made.images, *at)
    np.testing.assert_allclose(got.images, total, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_memory_of_the_exact_gradient_grows_with_the_root_of_the_steps():
    def peak(steps, memory):
        gradient, made, segment = problem(steps)
        fun = jax.jit(lambda m: exact_gradient(gradient, m, segment, memory))
        return fun.lower(made).compile().memory_analysis().temp_size_in_bytes

    assert peak(400, 32 * 400) < 0.5 * peak(400, MEMORY)  # weights alone
    assert peak(400, 0) < 40 * peak(4, 0)
    assert peak(397, 0) < 1.5 * peak(400, 0)  # a prime
    assert peak(10_000, 10**5) < 40 * peak(100, 10**5) < peak(10_000, MEMORY)


def test_rows_of_a_student_pass_over_all_images_in_turn():
    rows = np.asarray(shuffled(jax.random.key(0), 10, 6, 5))
    for i in (0, 2, 4):
        assert sorted(rows[i : i + 2].ravel()) == list(range(10))
    assert rows[0].tolist() != rows[2].tolist()


@pytest.mark.parametrize("step, end", [(0, 4), (50, 6), (100, 8), (1000, 8)])
def test_the_window_grows_linearly_and_is_drawn_from_evenly(step, end):
    place = jnp.linspace(0, 1, 1000, endpoint=False)
    got = np.asarray(start_epoch(place, step, 2, 4, 8, 100))
    values, counts = np.unique(got, return_counts=True)
    assert values.tolist() == list(range(2, end))
    assert counts.max() - counts.min() <= 1


def real(experts=None):
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), 4)
    images = np.random.default_rng(3).integers(0, 256, (12, 4, 4, 1), dtype=np.uint8)
    return real_data(images, labels)._replace(experts=experts)


@pytest.mark.parametrize("labels", [{}, {"label_epoch": 1, "lr_labels": 0.1}])
def test_an_update_reads_the_right_epochs_of_the_right_expert(labels):
    """Windows from epoch 2; labels of an epoch before it are not in them."""
    model = mlp()
    size = len(ravel_pytree(model.init(jax.random.key(0)))[0])
    epochs = [1, 2, 3, 4, 5, 6] if labels else [2, 3, 4, 5, 6]
    base = 0.01 * np.random.default_rng(0).normal(size=(2, len(epochs), size))
    experts = np.float16(base + np.array(epochs)[None, :, None] * 0.01)
    options = {"min_start": 2, "max_start": 5, "expert_epochs": 2, "lr_lr": 0.0}
    method = METHODS["mtt"](model, ipc=1, student_steps=1, **options, **labels)
    assert method.experts.epochs == (*epochs,)
    state = method.init(jax.random.key(0), real(experts))
    seen = set()
    for seed in range(40):
        drawn = method.sample(jax.random.key(seed), real(experts))
        match = [i for i in range(2) if (drawn.path == experts[i]).all()]
        t = int(start_epoch(drawn.place, state.step, 2, 5, 5, 0))
        seen.add((match[0], t))
    assert seen == {(i, t) for i in range(2) for t in range(2, 5)}
    loss = method.update(jax.random.key(1), state, drawn)[1]["loss"]
    assert 0.5 < float(loss) < 1.5  # one step barely moves


@pytest.mark.parametrize(
    "kw", [{"min_start": 3, "max_start": 3}, {"first_max_start": 9, "max_start": 4}]
)
def test_empty_windows_are_refused(kw):
    with pytest.raises(InputError, match="min_start < first_max_start <= max_start"):
        METHODS["mtt"](mlp(), ipc=1, **kw)


def test_learned_labels_start_from_the_experts_that_are_right():
    model = mlp()
    ends = [model.init(jax.random.key(i)) for i in range(6)]
    flat = jnp.stack([ravel_pytree(end)[0] for end in ends])
    experts = jnp.stack([0 * flat, 0 * flat, flat], 1).astype(jnp.float16)
    options = {"max_start": 1, "expert_epochs": 1, "label_epoch": 5}
    method = METHODS["mtt"](model, ipc=2, lr_labels=1.0, **options)
    made = method.read(method.init(jax.random.key(0), real(experts)))
    unravel = ravel_pytree(ends[0])[1]
    assert method.experts.epochs == (0, 1, 5)
    params = [unravel(path[2].astype(jnp.float32)) for path in experts]
    logits = np.stack([model.apply(one, made.images) for one in params])
    some, none = 0, 0
    for i, of_class in enumerate(np.repeat(np.arange(CLASSES), 2)):
        right = [z for z in logits[:, i] if z.argmax() == of_class]
        some, none = some + (0 < len(right) < 6), none + (not right)
        mean = np.mean(right or logits[:, i], axis=0)
        expected = jax.nn.softmax(mean)
        np.testing.assert_allclose(made.labels[i], expected, atol=1e-5)
    assert some and none


def test_sets_with_learned_labels_know_the_classes_of_their_images():
    """Also where labels say another one, and of allocations."""
    for options in ({"ipc": 2}, {"ipc": 2, "allocation": tuple(range(1, CLASSES + 1))}):
        method = METHODS["mtt"](mlp(), lr_labels=1.0, **options)
        state = method.init(jax.random.key(0), real())
        logits = state.learned.params["logits"]
        params = state.learned.params | {"logits": jnp.roll(logits, 1, axis=-1)}
        state = state._replace(learned=state.learned._replace(params=params))
        made, counts = method.read(state), options.get("allocation", [2] * CLASSES)
        np.testing.assert_array_equal(
            made.image_classes, np.repeat(np.arange(CLASSES), counts)
        )
        assert (made.with_hard_labels.labels.argmax(-1) == made.image_classes).all()
        assert (made.labels.argmax(-1) != made.image_classes).all()


@pytest.mark.parametrize("kw", [{}, {"lr_labels": 0.0}])
def test_labels_of_an_expert_have_to_be_learned(kw):
    with pytest.raises(InputError, match="give distill.lr_labels above 0"):
        METHODS["mtt"](mlp(), ipc=1, label_epoch=1, **kw)


def test_paths_without_the_epochs_that_windows_need_are_refused():
    method = METHODS["mtt"](mlp(), ipc=1, max_start=3, expert_epochs=2)
    with pytest.raises(ValueError, match=r"hold the epochs \(0, 1, 2, 3, 4\)"):
        method.sample(jax.random.key(0), real(np.zeros((2, 4, 10), np.float16)))


@pytest.mark.parametrize(
    "low, high, ahead, used",
    [
        pytest.param(0, 1, 2, (0, 2), marks=pytest.mark.slow),
        pytest.param(3, 5, 1, (3, 4, 5), marks=pytest.mark.slow),
        (3, 5, 4, (3, 4, 7, 8)),
    ],
)
def test_a_student_starts_and_ends_at_the_right_epochs_by_its_own_batch(
    low, high, ahead, used
):
    model = build("convnet", CLASSES, (4, 4, 1), width=4, depth=1, norm="batch")
    params = model.init(jax.random.key(0))
    start, unravel = ravel_pytree(params["params"])
    path = np.float16(start + 0.05 * np.arange(9)[:, None] * np.sin(start))
    windows = dict(min_start=low, max_start=high, expert_epochs=ahead)
    method = METHODS["mtt"](model, ipc=2, student_steps=2, train_lr=0.1, **windows)
    assert method.experts.epochs == used
    state = method.init(jax.random.key(1), real())
    drawn = method.sample(jax.random.key(2), real(path[None, list(used)]))
    t = int(start_epoch(drawn.place, state.step, low, high, high, 0))
    _, info = jax.jit(method.update)(jax.random.key(3), state, drawn)
    made = method.read(state)

    def loss_fn(free):
        logits, _ = model.train_apply(params | {"params": free}, made.images)
        return jax.vmap(cross_entropy)(logits, made.labels).mean()

    first, target = np.float32(path[t]), np.float32(path[t + ahead])
    free = unravel(jnp.asarray(first))
    move = lambda w, g: w - 0.1 * g
    step = jax.jit(lambda free: jax.tree.map(move, free, jax.grad(loss_fn)(free)))
    reached = np.asarray(ravel_pytree(step(step(free)))[0])
    expected = ((reached - target) ** 2).sum() / ((first - target) ** 2).sum()
    np.testing.assert_allclose(info["loss"], expected, rtol=1e-3)
