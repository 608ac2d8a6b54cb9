"""Expert paths: what is kept, in which order, and resuming."""

import errno
import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from dd_jax.distill.methods.flat_weights import unraveller
from dd_jax.models import build
from dd_jax.runtime.loop import Diverged, run_loop
from dd_jax.runtime.platform import made_for
from dd_jax.system.disk import WriteError
from dd_jax.train import trainer
from dd_jax.train.experts import expert_paths
from dd_jax.types import Split

KEY = jax.random.key(0)


def data():
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(2, dtype=np.int32), 10)
    return Split(rng.integers(0, 256, (20, 4, 4, 1), dtype=np.uint8), labels)


def recipe():
    model = build("mlp", 2, (4, 4, 1))
    return trainer(model, batch=5, momentum=0.0, weight_decay=0.0, decay="none")


def paths(folder, loop=None, lr=0.1, epochs=(0, 1, 2, 3), rows=None):
    keys = jax.random.split(jax.random.key(0), 2)
    rows = np.arange(12) if rows is None else rows
    loop = loop or (lambda label, place: run_loop)
    return expert_paths(recipe(), keys, data(), rows, lr, epochs, loop, folder)


def saving(label, place):
    return partial(run_loop, folder=place, save_seconds=0)


def test_paths_hold_the_start_and_each_epoch(tmp_path):
    kept = paths(tmp_path)
    one = recipe()
    advance = jax.jit(one.advance)
    labels = jax.nn.one_hot(data().labels, 2)
    for e, key in enumerate(jax.random.split(jax.random.key(0), 2)):
        start_key, train_key = jax.random.split(key)
        state = one.init(start_key)
        for epoch in range(4):
            flat = np.asarray(ravel_pytree(state.params["params"])[0])
            np.testing.assert_allclose(kept[e, epoch], flat, rtol=2e-3, atol=1e-4)
            state, _ = advance(
                train_key,
                state,
                *(jnp.asarray(data().images), labels, jnp.arange(12)),
                *(0.1, 3, epoch, epoch + 1),
            )
    assert kept.dtype == np.float16 and isinstance(kept, np.memmap)


def test_whole_networks_predict_with_their_batch_statistics(tmp_path):
    model = build("convnet", 2, (4, 4, 1), width=4, depth=1, norm="batch")
    recipe = trainer(model, batch=5, decay="none")
    rest = data(), np.arange(12), 0.1, (3,), lambda label, place: run_loop, tmp_path
    (weights,) = expert_paths(recipe, jax.random.split(KEY, 1), *rest, whole=True)[0]
    found = unraveller(model, whole=True)(jnp.asarray(weights, jnp.float32))
    start_key, train_key = jax.random.split(jax.random.split(KEY, 1)[0])
    labels = jax.nn.one_hot(data().labels, 2)
    given = jnp.asarray(data().images), labels, jnp.arange(12)
    state = recipe.init(start_key)
    state, _ = jax.jit(recipe.advance)(train_key, state, *given, 0.1, 3, 0, 3)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=2e-3, atol=1e-4), found, state.params
    )
    start = model.init(start_key)["batch_stats"]
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), found["batch_stats"], start)
    assert min(jax.tree.leaves(moved)) > 0.01


def test_the_step_size_stays_the_same_to_the_end(tmp_path):
    kept = np.float32(paths(tmp_path, epochs=range(7)))
    moves = np.linalg.norm(np.diff(kept, axis=1), axis=-1)
    assert (moves[:, 5] > 0.2 * moves[:, 2]).all()  # a tenth of the step: below 0.1


def test_a_killed_training_goes_on_to_the_same_paths(tmp_path):
    straight = np.array(paths(tmp_path / "straight"))
    calls = 0

    def saved(label, place):
        def loop(advance, state, **schedule):
            def dying(state, first, last):
                nonlocal calls
                calls += 1
                if calls == 5:
                    raise KeyboardInterrupt
                return advance(state, first, last)

            return run_loop(dying, state, folder=place, save_seconds=0, **schedule)

        return loop

    with pytest.raises(KeyboardInterrupt):
        paths(tmp_path / "cut", saved)
    resumed = paths(tmp_path / "cut", saved)
    np.testing.assert_array_equal(resumed, straight)
    assert calls == 7  # six epochs and the one that died
    again = paths(tmp_path / "cut", saved)
    np.testing.assert_array_equal(again, straight)
    assert calls == 7


def test_accelerators_train_one_expert_after_another_too(tmp_path):
    on_cpu = np.array(paths(tmp_path / "cpu"))
    labels = []

    def noted(label, place):
        labels.append(label)
        return run_loop

    with made_for("gpu"):
        got = paths(tmp_path / "gpu", noted)
    assert labels == ["experts 1 to 1 of 2", "experts 2 to 2 of 2"]
    np.testing.assert_allclose(got, on_cpu, rtol=2e-3, atol=1e-4)


def test_only_the_epochs_needed_are_kept(tmp_path):
    every = np.array(paths(tmp_path / "every", epochs=range(6)))
    some = paths(tmp_path / "some", epochs=(1, 4))
    np.testing.assert_array_equal(some, every[:, [1, 4]])


@pytest.mark.parametrize(
    "harm",
    [
        "cut",
        *(pytest.param(harm, marks=pytest.mark.slow) for harm in ("lost", "empty")),
    ],
)
def test_experts_whose_file_is_damaged_are_trained_again(tmp_path, harm):
    straight = np.array(paths(tmp_path, saving))
    (file,) = tmp_path.glob("*.npy")
    if harm == "lost":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-100] if harm == "cut" else b"")
    np.testing.assert_array_equal(paths(tmp_path, saving), straight)


def test_other_rows_have_a_file_of_their_own(tmp_path):
    first = np.array(paths(tmp_path))
    other = paths(tmp_path, rows=np.arange(8, 20))
    assert len(list(tmp_path.glob("*.npy"))) == 2
    np.testing.assert_array_equal(first[:, 0], other[:, 0])
    assert (first[:, 1] != other[:, 1]).any()


def test_parameters_beyond_half_precision_count_as_divergence(tmp_path):
    with pytest.raises(Diverged, match="after 1 epochs at learning rate"):
        paths(tmp_path, lr=1e7)


@pytest.mark.slow
def test_any_flipped_bit_is_noticed_and_costs_that_expert_alone(tmp_path):
    straight = np.array(paths(tmp_path, saving))
    (file,) = tmp_path.glob("*.npy")
    whole, trained = file.read_bytes(), []

    def spy(label, place):
        def loop(advance, state, **schedule):
            def counted(state, first, last):
                trained.append(label)
                return advance(state, first, last)

            return run_loop(counted, state, folder=place, save_seconds=0, **schedule)

        return loop

    rng = np.random.default_rng(0)
    half = 128 + (len(whole) - 128) // 2
    for at in [*rng.integers(128, len(whole), 6), *rng.integers(0, 128, 3)]:
        content = bytearray(whole)
        content[at] ^= 1 << int(rng.integers(8))
        file.write_bytes(content)
        trained.clear()
        np.testing.assert_array_equal(paths(tmp_path, spy), straight)
        if at >= 128:
            hit = 1 + (at >= half)
            assert set(trained) == {f"experts {hit} to {hit} of 2"}


@pytest.mark.parametrize("known", [False, True])
def test_a_full_disk_is_noticed_before_anything_is_trained(
    tmp_path, monkeypatch, known
):
    if known:
        paths(tmp_path, saving)

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(WriteError, match=r"\.npy: cannot be written \(No space left"):
        paths(tmp_path, lambda label, place: pytest.fail("trained"))
