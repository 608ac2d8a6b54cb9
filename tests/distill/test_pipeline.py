"""From rows to networks: one and many agree, and nobody sees rows not its own."""

import tempfile
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.distill import METHODS
from dd_jax.distill.base import Experts
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.pipeline import distil_then_train, train_on_data
from dd_jax.distill.teacher_labels import teacher
from dd_jax.models import build
from dd_jax.runtime import keys
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.loop import LoopResult, run_loop
from dd_jax.train import trainer
from dd_jax.train.experts import expert_paths
from dd_jax.train.many import Schedule
from dd_jax.train.training import unchanged
from dd_jax.types import Split

CLASSES, IPC, SHAPE = 3, 2, (6, 6, 1)
STEPS, EPOCHS = Schedule(3, 2), Schedule(3, 2)
LABELS = np.tile(np.arange(CLASSES, dtype=np.int32), 8)


def split():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (len(LABELS), *SHAPE), dtype=np.uint8)
    return Split(images, LABELS)


def masks(count, seed=0):
    """Four of each class's eight rows; not row 0."""
    rng = np.random.default_rng(seed)
    member = np.zeros((count, len(LABELS)), bool)
    for row in member:
        for c in range(CLASSES):
            row[rng.choice(np.flatnonzero(LABELS == c)[1:], 4, replace=False)] = True
    return member


def network(norm=None):
    if norm is None:
        return build("mlp", CLASSES, SHAPE)
    return build("convnet", CLASSES, SHAPE, width=4, depth=1, norm=norm)


OPTIONS = {
    "dm": {"batch_real": 6},
    "idc": {"batch_real": 6, "outer_steps": 2, "net_steps": 1},
    "rded": {"crops": 2, "expert_epochs": 1},
    "mtt": {"student_steps": 2, "expert_epochs": 1, "max_start": 2},
}


def method(name="dm", norm=None):
    kw = OPTIONS.get(name, {})
    return METHODS[name](network(norm), ipc=IPC, train_lr=0.02, **kw)


TRAINER = trainer(network(), batch=4)
TEACHER = teacher(
    network(), Experts((1,), 1, 0.1, plain=False, teaches=True), unchanged, 10**6, 2
)


def pipeline(kind, data):
    if kind == "full_data":
        return train_on_data(TRAINER, data, 0.02, EPOCHS)
    given = TEACHER if kind == "taught" else None
    steps = method("dm" if given else kind), TRAINER, data, STEPS, EPOCHS
    return distil_then_train(*steps, experts=partial(experts, data), teacher=given)


def experts(data, key, rows, wanted):
    """Two experts that see `rows` alone."""
    with tempfile.TemporaryDirectory() as folder:
        keys, loop = jax.random.split(key, 2), lambda label, place: run_loop
        return np.array(
            expert_paths(TRAINER, keys, data, rows, 0.1, wanted.epochs, loop, folder)
        )


KINDS = ("dm", "random", "full_data", "taught", "rded")


def same_bits(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def differ(a, b):
    """Whether every leaf that is not constant by construction differs."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b))
    return all(not np.array_equal(x, y) for x, y in pairs)


def pick(tree, i):
    return jax.tree.map(lambda leaf: leaf[i], tree)


@pytest.mark.parametrize(
    "kind", ("dm", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[1:]))
)
def test_many_equals_the_single_forms(kind):
    pipe, member = pipeline(kind, split()), masks(2)
    both = jax.random.split(jax.random.key(0), 2)
    sets, trained = pipe.many(both, member)
    for i in range(2):
        idx = np.flatnonzero(member[i])
        if pipe.distil is None:
            assert sets is None
            same_bits(pick(trained, i), pipe.fit(both[i], idx))
            continue
        distil_key, fit_key = jax.random.split(both[i])
        one = pipe.distil(distil_key, idx)
        same_bits(pick(sets, i), one)
        same_bits(pick(trained, i), pipe.fit(fit_key, one))
    alone = pipe.many(both[:1], member[:1])
    same_bits(alone, (pick(sets, slice(1)), pick(trained, slice(1))))


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_step_size(kind):
    sets, trained = pipeline(kind, split()).many(
        jax.random.split(jax.random.key(0), 2), masks(2)
    )
    template = jax.eval_shape(network().init, jax.random.key(0))
    expected = jax.tree.map(lambda leaf: (2, *leaf.shape), template)
    assert jax.tree.map(jnp.shape, trained.params) == expected
    if kind != "full_data":
        assert sets.images.shape == (2, CLASSES * IPC, *SHAPE)
        assert sets.labels.shape == (2, CLASSES * IPC, CLASSES)
        np.testing.assert_array_equal(sets.lr, np.float32([0.02, 0.02]))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(["random", "herding", "kcenter"]))
def test_a_selected_set_holds_member_rows_of_its_classes_only(seed, name):
    data, member = split(), masks(2, seed)
    key = jax.random.split(jax.random.key(seed), 2)
    sets, _ = distil_many(method(name), key, data, member, STEPS)
    for images, labels, row in zip(sets.images, sets.labels, member):
        own = {
            (int(label), x.tobytes())
            for x, label in zip(data.images[row], data.labels[row])
        }
        bytes_of = np.rint(np.asarray(images) * 255).astype(np.uint8)
        got = [
            (int(label), x.tobytes())
            for x, label in zip(bytes_of, np.argmax(labels, -1))
        ]
        assert len(set(got)) == CLASSES * IPC
        assert set(got) <= own


@pytest.mark.parametrize(
    "kind", (*KINDS, pytest.param("idc", marks=pytest.mark.slow), "mtt")
)
def test_rows_that_are_no_members_leave_no_trace(kind):
    data, member = split(), masks(1)
    images = np.where(member[0][:, None, None, None], data.images, 255 - data.images)
    key = jax.random.split(jax.random.key(0), 1)
    first = pipeline(kind, data).many(key, member)
    same_bits(first, pipeline(kind, data._replace(images=images)).many(key, member))
    changed = np.where(member[0][:, None, None, None], 255 - data.images, data.images)
    other = pipeline(kind, data._replace(images=changed)).many(key, member)
    assert differ(first[1], other[1])


def test_they_leave_no_trace_in_batch_statistics_either():
    data, member = split(), masks(1)
    images = np.where(member[0][:, None, None, None], data.images, 255 - data.images)
    key = jax.random.split(jax.random.key(0), 1)
    first, second = (
        distil_many(method(norm="batch"), key, d, member, STEPS)[0]
        for d in (data, data._replace(images=images))
    )
    same_bits(first, second)


@pytest.mark.parametrize("kind", KINDS)
def test_different_keys_give_different_sets_and_networks(kind):
    member = np.repeat(masks(1), 2, 0)
    different = jax.random.split(jax.random.key(0), 2)
    sets, trained = pipeline(kind, split()).many(different, member)
    assert differ(pick(trained, 0), pick(trained, 1))
    if sets is not None:
        assert not np.array_equal(sets.images[0], sets.images[1])
    again = pipeline(kind, split()).many(different, member)
    same_bits(again, (sets, trained))
    equal = jnp.stack([different[0]] * 2)
    sets, trained = pipeline(kind, split()).many(equal, member)
    same_bits(pick(trained, 0), pick(trained, 1))


def test_networks_on_one_set_differ_by_their_key():
    pipe = pipeline("random", split())
    one = pipe.distil(jax.random.key(0), np.arange(len(LABELS)))
    first, second = (pipe.fit(jax.random.key(i), one) for i in (1, 2))
    assert differ(first, second)


@pytest.mark.parametrize("kind", ["dm", "random"])
def test_initial_rows_decide_where_all_rows_are_distilled_from(kind):
    data, chosen = split(), masks(1)
    everything = np.ones_like(chosen)
    for c in range(CLASSES):
        chosen[0, np.flatnonzero(chosen[0] & (LABELS == c))[IPC:]] = False
    still = distil_then_train(method(kind), TRAINER, data, Schedule(0, 1), EPOCHS)
    key = jax.random.split(jax.random.key(0), 1)
    images = np.rint(np.asarray(still.many(key, everything, chosen)[0].images[0]) * 255)
    got = {x.astype(np.uint8).tobytes() for x in images}
    assert got == {x.tobytes() for x in data.images[chosen[0]]}
    moving = distil_then_train(method(kind), TRAINER, data, STEPS, EPOCHS)
    changed = np.where(chosen[0][:, None, None, None], data.images, 255 - data.images)
    other = distil_then_train(
        method(kind),
        TRAINER,
        data._replace(images=changed),
        STEPS,
        EPOCHS,
    )
    before, after = (
        pipe.many(key, everything, chosen)[0].images for pipe in (moving, other)
    )
    assert np.array_equal(before, after) == (kind == "random")


def test_the_host_may_look_as_often_as_it_likes():
    key, member = jax.random.split(jax.random.key(0), 1), masks(1)
    often, once = (
        distil_then_train(
            method(),
            TRAINER,
            split(),
            Schedule(3, per_call),
            Schedule(3, per_call),
        ).many(key, member)
        for per_call in (1, 3)
    )
    same_bits(often, once)


def test_loops_get_the_schedule_and_a_mean_loss():
    seen = []

    def loop(advance, state, *, total, per_call, inputs):
        state, info = advance(state, 0, total)
        seen.append((total, per_call, float(info["loss"])))
        return LoopResult(state, 0.0)

    pipe = distil_then_train(
        method(), TRAINER, split(), Schedule(3, 2), Schedule(4, 1), (loop, loop)
    )
    pipe.many(jax.random.split(jax.random.key(0), 2), masks(2))
    assert [row[:2] for row in seen] == [(3, 2), (4, 1)]
    assert all(np.isfinite(loss) and loss > 0 for *_, loss in seen)


def test_first_keys_of_a_stack_do_not_depend_on_its_length():
    short, long = (keys.stack(jax.random.key(0), n) for n in (3, 7))
    data = jax.random.key_data(long)
    np.testing.assert_array_equal(jax.random.key_data(short), data[:3])
    assert len({tuple(row) for row in data.tolist()}) == 7


def test_costs_add_up_by_stage_and_count_compilation():
    cost = Cost()
    for stage, seconds in (("distill", 2.0), ("train", 1.0), ("distill", 3.0)):
        cost.count(stage, seconds, seconds)
    began = time.perf_counter()
    jax.jit(lambda x: jnp.sin(x) + began)(1.0)
    record = cost.record(distill_steps=20)
    assert record["distill_seconds"] == 5.0 and record["train_seconds"] == 1.0
    assert record["steps_per_second"] == 4.0
    assert 0 < record["compile_seconds"] <= time.perf_counter() - began
    assert record["peak_bytes"] > 10**7
    assert Cost().record(0)["steps_per_second"] is None
