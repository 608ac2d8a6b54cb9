"""What is kept between runs of one process never outlives what it was made from."""

import ast
import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from test_imports import PACKAGE
from tiny import BARE, MLP, ROOT, arrays, flags, make, npz, only_run, status

from dd_jax import catalogue, distill, run
from dd_jax.attacks import ATTACKS
from dd_jax.audits import transfer
from dd_jax.audits.robustness import epsilon_curve
from dd_jax.config.fields import fields
from dd_jax.data import load
from dd_jax.data.zca import fit_zca
from dd_jax.run import context, one_run, read_data
from dd_jax.runtime import reuse
from dd_jax.types import InputError, SyntheticSet


def test_a_bounded_number_is_kept_and_the_last_ones_stay():
    made = []
    build = reuse.reused(lambda n: made.append(n) or [n])
    first = build(0)
    for n in range(1, reuse.MAX_SIZE):
        build(n)
    assert build(0) is first and len(made) == reuse.MAX_SIZE
    build(-1)
    assert (
        build(0) is first and build(1) is not None and len(made) == reuse.MAX_SIZE + 2
    )


def test_nothing_is_kept_without_bound():
    """Only what takes no arguments may be kept for good: there is one of it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.args.args:
                names = [ast.unparse(d) for d in node.decorator_list]
                assert (
                    "cache" not in names and "lru_cache(maxsize=None)" not in names
                ), (
                    path,
                    node.name,
                )


def seen(source):
    return read_data.dataset(
        make(BARE, data__source=source, data__num_classes=0)
    ).checksum


def fresh(source):
    return load(source).checksum


def as_before(path, change):
    """Changes a file, whose size and time stay what they were."""
    before = path.stat()
    change(path)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("how", ["in place", "replaced", "link", "home", "relative"])
def test_a_changed_archive_is_read_again(tmp_path, monkeypatch, how):
    path, source = tmp_path / "a.npz", f"npz:{tmp_path / 'a.npz'}"
    npz(path)
    other = arrays(seed=5)
    if how == "link":
        path.rename(tmp_path / "first.npz")
        path.symlink_to("first.npz")
    if how == "home":
        monkeypatch.setenv("HOME", str(tmp_path))
        source = "npz:~/a.npz"
    if how == "relative":
        monkeypatch.chdir(tmp_path)
        source = "npz:a.npz"
    first = seen(source)
    assert first == fresh(source)
    if how == "replaced":
        np.savez(tmp_path / "b.npz", **other)
        as_before(path, lambda p: (tmp_path / "b.npz").replace(p))
    elif how == "link":
        np.savez(tmp_path / "second.npz", **other)
        path.unlink()
        path.symlink_to("second.npz")
    elif how == "relative":
        (tmp_path / "elsewhere").mkdir()
        np.savez(tmp_path / "elsewhere" / "a.npz", **other)
        os.utime(tmp_path / "elsewhere" / "a.npz", ns=(path.stat().st_mtime_ns,) * 2)
        monkeypatch.chdir(tmp_path / "elsewhere")
    else:
        as_before(path, lambda p: np.savez(p, **other))
    assert seen(source) == fresh(source) != first


def images(root):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.bmp")


def swap(root):
    a, b = root / "cat/1.bmp", root / "dog/1.bmp"
    a.rename(root / "c"), b.rename(a), (root / "c").rename(b)


def edit(root):
    file = root / "cat/3.bmp"
    as_before(file, lambda p: p.write_bytes(p.read_bytes()[:-9] + bytes(9)))


def retarget(root):
    (root / "dog").rename(root.parent / "dogs")
    (root / "dog").symlink_to(root.parent / "dogs")


def edit_behind_a_link(root):
    file = root.parent / "dogs/3.bmp"
    as_before(file, lambda p: p.write_bytes(p.read_bytes()[:-9] + bytes(9)))


def deepen(root):
    (root / "cat/a/b/c/d").mkdir(parents=True)
    (root / "cat/3.bmp").rename(root / "cat/a/b/c/d/3.bmp")


def edit_in_the_deep(root):
    file = root / "cat/a/b/c/d/3.bmp"
    as_before(file, lambda p: p.write_bytes(p.read_bytes()[:-9] + bytes(9)))


def loop(root):
    (root / "cat/a/again").symlink_to(root / "cat")


@pytest.mark.parametrize(
    "changes",
    [
        [swap],
        [edit],
        [lambda root: (root / "cat/2.bmp").rename(root / "cat/20.bmp")],
        [lambda root: (root / "cat").rename(root / "ant")],
        [lambda root: shutil.copy(root / "cat/2.bmp", root / "dog/2.bmp")],
        [lambda root: (root / "cat/2.bmp").unlink()],
        [retarget, edit_behind_a_link],
        [deepen, loop, edit_in_the_deep],
    ],
    ids=["swap", "edit", "file", "class", "copy", "remove", "link", "deep"],
)
def test_a_changed_folder_is_read_again(tmp_path, changes):
    root, source = tmp_path / "data", f"folder:{tmp_path / 'data'}"
    images(root)
    assert seen(source) == fresh(source)
    for change in changes:
        change(root)
        assert seen(source) == fresh(source)


def test_data_that_tfds_prepared_again_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    values = make(BARE, data__source="tfds:mnist:3.0.1")
    places = [read_data.place(values)]
    file = tmp_path / "mnist/3.0.1/mnist-train.array_record-00000-of-00001"
    file.parent.mkdir(parents=True)
    for content in (b"a", b"b"):
        file.write_bytes(content)
        places.append(read_data.place(values))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "elsewhere"))
    places.append(read_data.place(values))
    assert len(set(places)) == 4


def test_data_that_change_while_they_are_read_are_refused(tmp_path, monkeypatch):
    source = npz(tmp_path / "a.npz")

    def read(*args, **kw):
        found = load(*args, **kw)
        npz(tmp_path / "a.npz", x_test=arrays(test_seed=7)["x_test"])
        return found

    monkeypatch.setattr(read_data, "load", read)
    with pytest.raises(InputError, match="changed while it was read"):
        seen(source)
    monkeypatch.undo()
    assert seen(source) == fresh(source)


def test_every_key_of_the_data_counts():
    others = {str: "b", int: 3, float: 0.25, bool: True}
    one = make(BARE)
    for key, field in fields().items():
        if key.startswith("data.") and key != "data.zca" and field.changes_results:
            value = "npz:b" if key == "data.source" else others[type(field.default)]
            value = value + 1 if value == field.default else value
            other = make(BARE | {key: value})
            if key == "data.num_classes":
                other = make(BARE | {key: 7})
            assert read_data.place(other) != read_data.place(one), key


@pytest.mark.slow
def test_another_whitening_beside_a_set_is_seen(tmp_path):
    source, rng = npz(tmp_path / "a.npz"), np.random.default_rng(0)
    pixels = np.float32(rng.random((6, 8, 8, 1)))
    one = SyntheticSet(pixels, np.eye(3)[np.arange(6) % 3], np.float32(0.01))
    distill.save(tmp_path / "set.npz", one._replace(metadata={"zca": "beside"}))
    values = make(
        BARE,
        data__source=source,
        data__zca=True,
        distill__load=str(tmp_path / "set.npz"),
    )
    models = []
    for eps in (0.1, 0.2):
        fitted = fit_zca(np.uint8(255 * pixels), eps)
        write = lambda p, made=fitted: np.savez(p, **made._asdict())
        path = tmp_path / "zca.npz"
        as_before(path, write) if path.exists() else write(path)
        np.testing.assert_array_equal(
            read_data.whitening(values).forward, fitted.forward
        )
        model = context.network(values, read_data.dataset(values))
        models.append(model.apply(model.init(jax.random.key(0)), jnp.asarray(pixels)))
    assert not np.allclose(*models)


def run_on(tmp_path, source, **changes):
    values = make(BARE | MLP, data__source=source, **changes)
    return run.run(values, tmp_path / "w")


@pytest.mark.slow
def test_a_run_on_changed_data_is_that_of_the_same_data_elsewhere(tmp_path):
    source = npz(tmp_path / "a.npz")
    first = run_on(tmp_path, source)
    # other means and deviations under the same name, size and time
    other = arrays(seed=5)
    other["x_train"] = other["x_train"] // 2 + 90
    as_before(tmp_path / "a.npz", lambda p: np.savez(p, **other))
    second = run_on(tmp_path, source)
    assert second["run"]["id"] != first["run"]["id"]
    np.savez(tmp_path / "b.npz", **other)
    elsewhere = run.run(
        make(BARE | MLP, data__source=f"npz:{tmp_path / 'b.npz'}"), tmp_path / "v"
    )
    assert second["accuracy"] == elsewhere["accuracy"] != first["accuracy"]


@pytest.mark.slow
def test_a_second_run_is_that_of_a_fresh_process(tmp_path):
    source = npz(tmp_path / "a.npz")
    run_on(tmp_path, source)
    as_before(tmp_path / "a.npz", lambda p: np.savez(p, **arrays(seed=5)))
    second = run_on(tmp_path, source)
    command = [sys.executable, ROOT / "launch.py", f"--workdir={tmp_path / 'v'}"]
    command += flags(BARE | MLP, data__source=source)
    subprocess.run(command, check=True)
    record = json.loads((only_run(tmp_path / "v") / "record.json").read_text())
    assert record["run"]["id"] == second["run"]["id"]
    assert record["accuracy"] == second["accuracy"]
    for name in ("synthetic.npz", "config.json"):
        found = [(only_of(tmp_path / r, second) / name).read_bytes() for r in "wv"]
        assert found[0] == found[1]


def only_of(root, record):
    return root / "runs" / record["run"]["id"]


@pytest.mark.slow
def test_a_run_on_a_rewritten_set_is_that_of_the_same_set_elsewhere(tmp_path):
    source, rng = npz(tmp_path / "a.npz"), np.random.default_rng(0)
    labels = np.eye(3)[np.arange(6) % 3]
    sets = [
        SyntheticSet(np.float32(rng.random((6, 8, 8, 1))), labels, np.float32(lr))
        for lr in (0.05, 0.08)
    ]
    path = tmp_path / "set.npz"
    distill.save(path, sets[0])
    first = run_on(tmp_path, source, distill__load=str(path))
    as_before(path, lambda p: distill.save(p, sets[1]))
    second = run_on(tmp_path, source, distill__load=str(path))
    distill.save(tmp_path / "other.npz", sets[1])
    values = {"data__source": source, "distill__load": str(tmp_path / "other.npz")}
    elsewhere = run.run(make(BARE | MLP, **values), tmp_path / "v")
    assert second["accuracy"] == elsewhere["accuracy"] != first["accuracy"]


@pytest.mark.slow
def test_a_run_whose_data_change_meanwhile_fails_and_leaves_no_other_cache(
    tmp_path, monkeypatch
):
    source = npz(tmp_path / "a.npz")
    measure = one_run._measure

    def change(*arguments):
        npz(tmp_path / "a.npz", **arrays(seed=6))
        return measure(*arguments)

    monkeypatch.setattr(one_run, "_measure", change)
    with pytest.raises(InputError, match="data or a loaded set changed during the run"):
        run_on(tmp_path, source)
    assert status(tmp_path / "w") == "failed"
    assert not (only_run(tmp_path / "w") / "record.json").exists()
    monkeypatch.undo()
    # what the failed run has put in the cache is not taken for that of the new data
    found = run_on(tmp_path, source)
    np.savez(tmp_path / "b.npz", **arrays(seed=6))
    values = make(BARE | MLP, data__source=f"npz:{tmp_path / 'b.npz'}")
    assert run.run(values, tmp_path / "v")["accuracy"] == found["accuracy"]


@pytest.mark.slow
def test_an_attack_of_the_same_name_is_compiled_again(monkeypatch):
    weights = jax.random.normal(jax.random.key(0), (1, 4, 3))
    linear = lambda w, images: images.reshape(len(images), -1) @ w
    pixels = np.float32(jax.random.uniform(jax.random.key(1), (30, 2, 2, 1)))
    labels = np.asarray(linear(weights[0], pixels).argmax(-1))
    eps = np.array([0.5])
    task = jax.random.key(2), "fgsm", linear, weights, pixels, labels, eps
    groups = {"a": transfer.Networks(linear, weights)}
    given = jax.random.key(2), "fgsm", groups["a"], pixels, labels, eps
    before = epsilon_curve(*task, chunk=30).robust.mean()
    dropped = epsilon_curve(*task, chunk=30, drop=True).robust.mean()
    moved = transfer.attacked_images(*given, chunk=30)
    assert before < 1 and dropped < 1 and not np.allclose(moved[0, 0], pixels)
    idle = lambda eps: ATTACKS["noise"](0 * eps, steps=1)
    changed = catalogue.entry("attack", "fgsm")._replace(factory=idle)
    monkeypatch.setitem(catalogue.lookup._entries, ("attack", "fgsm"), changed)
    assert epsilon_curve(*task, chunk=30).robust.all()
    assert epsilon_curve(*task, chunk=30, drop=True).robust.all()
    np.testing.assert_allclose(
        transfer.attacked_images(*given, chunk=30)[0, 0], pixels, atol=1e-6
    )
