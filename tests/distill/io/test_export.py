"""Exports come back as they were, and hold enough to train on without the package."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dd_jax import config as configs
from dd_jax.data.eight_bits import quantise
from dd_jax.data.zca import fit_zca, zca_space
from dd_jax.distill import export, load, save
from dd_jax.types import InputError, SyntheticSet

METADATA = {
    "class_names": ["cat", "dog, or wolf", "emu"],
    "clamped": False,
    "normalisation": {"mean": [0.5], "std": [0.25]},
    "training": {"epochs": 300},
}


def synthetic(channels=1, count=12, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.normal(0.5, 0.5, (count, 6, 5, channels)).astype(np.float32)
    labels = rng.dirichlet(np.ones(3), count).astype(np.float32)
    return SyntheticSet(images, labels, np.float32(0.013), METADATA)


def message(call, *args):
    with pytest.raises(InputError) as error:
        call(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(tmp_path, channels):
    made = synthetic(channels)
    got = load(export.to_png(tmp_path / "out", made))
    np.testing.assert_array_equal(got.labels, made.labels)
    assert got.lr == made.lr and got.images.dtype == np.float32
    assert got.metadata == METADATA | {"clamped": True}
    clipped = np.clip(made.images, 0, 1)
    np.testing.assert_allclose(got.images, clipped, atol=0.5 / 255 + 1e-6)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_second_round_trip_changes_nothing(tmp_path):
    once = load(export.to_png(tmp_path / "a", synthetic()))
    twice = load(export.to_png(tmp_path / "b", once))
    np.testing.assert_array_equal(once.images, twice.images)
    about = json.loads((tmp_path / "b" / "metadata.json").read_text())
    assert about["encoding"] == {
        "bits": 8,
        "clipped": 0.0,
        "largest_change": pytest.approx(0, abs=1e-7),
    }


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=20))
def test_quantised_pixels_are_the_nearest_bytes(values):
    found = quantise(np.float32(values)).astype(int)
    grid = np.arange(256) / 255
    for value, byte in zip(np.clip(values, 0, 1), found):
        assert abs(grid[byte] - value) <= np.abs(grid - value).min() + 1e-9


def test_the_folder_speaks_for_itself(tmp_path):
    made = synthetic(count=101)
    export.to_png(tmp_path / "out", made)
    with (tmp_path / "out" / "labels.csv").open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert rows[7]["file"] == "images/007.png" and len(rows) == 101
    assert [int(row["label"]) for row in rows] == made.labels.argmax(1).tolist()
    pixels = np.asarray(Image.open(tmp_path / "out" / rows[7]["file"]))
    expected = np.round(255 * np.clip(made.images[7, ..., 0], 0, 1))
    np.testing.assert_array_equal(pixels, expected)
    about = json.loads((tmp_path / "out" / "metadata.json").read_text())
    assert about["shape"] == [101, 6, 5, 1] and about["classes"] == 3
    outside = ((made.images < 0) | (made.images > 1)).mean()
    assert about["encoding"]["clipped"] == pytest.approx(outside) and outside > 0.1
    reach = np.maximum(made.images - 1, -made.images).max()
    assert about["encoding"]["largest_change"] == pytest.approx(reach)
    assert about["metadata"]["training"] == {"epochs": 300}


def test_tfds_round_trip(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("array_record")
    pytest.importorskip("importlib_resources")
    made = synthetic(3)
    folder = export.to_tfds(tmp_path / "out", made)
    builder = tfds.builder_from_directory(folder)
    rows = list(builder.as_data_source("train"))
    stack = lambda name: np.stack([row[name] for row in rows])
    np.testing.assert_array_equal(stack("pixels"), made.images)
    np.testing.assert_array_equal(stack("soft_label"), made.labels)
    np.testing.assert_array_equal(stack("label"), made.labels.argmax(1))
    np.testing.assert_array_equal(stack("image"), quantise(made.images))
    info = builder.info
    assert info.features["label"].names == METADATA["class_names"]
    assert info.metadata["lr"] == 0.013
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["synthetic_set"]
    assert info.metadata["metadata"] == METADATA
    named = tfds.data_source("synthetic_set", data_dir=tmp_path / "out")
    assert len(named["train"]) == 12


@pytest.mark.parametrize("write", export.FORMATS.values(), ids=list(export.FORMATS))
def test_nothing_is_written_over(tmp_path, write):
    (tmp_path / "mine.txt").write_text("x")
    expected = f"{tmp_path} exists already; give a new or empty folder"
    assert message(write, tmp_path, synthetic()) == expected
    file = tmp_path / "mine.txt"
    assert "exists already" in message(write, file, synthetic())
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("write", export.FORMATS.values(), ids=list(export.FORMATS))
def test_channels_that_png_does_not_have(tmp_path, write):
    assert message(write, tmp_path / "out", synthetic(2)) == (
        f"{tmp_path / 'out'}: images of 2 channels do not fit PNG; 1 or 3 are needed"
    )
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    assert len(load(export.to_png(tmp_path / "out", synthetic())).images) == 12


def test_a_run_takes_the_folder_and_counts_its_contents(tmp_path):
    folders = [export.to_png(tmp_path / n, synthetic()) for n in ("a", "b")]
    folders.append(export.to_png(tmp_path / "c", synthetic(seed=1)))
    values = [{"distill.load": str(folder)} for folder in folders]
    found = [configs.override(configs.default(), v, "test") for v in values]
    for one in found:
        configs.validate(one)
    ids = [configs.run_id(one, "data") for one in found]
    assert ids[0] == ids[1] != ids[2]


def test_the_command(tmp_path, capsys):
    save(tmp_path / "s.npz", synthetic())
    assert export.main([str(tmp_path / "s.npz"), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
    assert len(load(tmp_path / "out").images) == 12


def whitened(folder):
    """A set that networks see through ZCA, and its files in a folder."""
    images = synthetic(3, 40).images.clip(0, 1)
    made = fit_zca(np.uint8(255 * images))
    folder.mkdir()
    np.savez(folder / "zca.npz", **made._asdict())
    one = synthetic(3)._replace(metadata=METADATA | {"zca": "zca.npz beside"})
    save(folder / "s.npz", one)
    return one, zca_space(lambda: made)


@pytest.mark.parametrize("form", export.FORMATS)
def test_zca_goes_with_the_set(tmp_path, form):
    if form == "tfds":
        pytest.importorskip("array_record")
        pytest.importorskip("importlib_resources")
    made, space = whitened(tmp_path / "run")
    command = [str(tmp_path / "run" / "s.npz"), str(tmp_path / "out")]
    assert export.main([*command, f"--format={form}"]) == 0
    (file,) = (tmp_path / "out").rglob("zca.npz")
    with np.load(file) as fitted:
        rows = made.images.reshape(len(made.images), -1) - fitted["mean"]
        seen = (rows @ fitted["forward"]).reshape(made.images.shape)
    np.testing.assert_allclose(seen, space.enter(made.images), atol=1e-3)
    (about,) = (tmp_path / "out").rglob("metadata.json")
    assert "(x - mean) @ forward of zca.npz" in about.read_text()
    if form == "png":  # and the folder is itself a set with its zca.npz
        again = [str(tmp_path / "out"), str(tmp_path / "again")]
        assert export.main(again) == 0 and (tmp_path / "again" / "zca.npz").exists()


def test_a_set_without_the_zca_that_it_needs(tmp_path, capsys):
    whitened(tmp_path / "run")
    (tmp_path / "run" / "zca.npz").unlink()
    out = tmp_path / "out"
    assert export.main([str(tmp_path / "run" / "s.npz"), str(out)]) == 2
    assert capsys.readouterr().err == (
        f"error: {out}: networks see the set through ZCA, and its zca.npz is not at "
        f"{tmp_path / 'run' / 'zca.npz'}\n"
    )
    assert not out.exists()


def test_a_zca_of_something_else(tmp_path, capsys):
    """A link there cannot make the export copy what is no whitening of these images."""
    whitened(tmp_path / "run")
    zca, out = tmp_path / "run" / "zca.npz", tmp_path / "out"
    fitted = dict(np.load(zca))
    command = [str(tmp_path / "run" / "s.npz"), str(out)]
    (tmp_path / "secret").write_text("secret")
    zca.unlink()
    zca.symlink_to(tmp_path / "secret")
    assert export.main(command) == 2
    zca.unlink()
    np.savez(zca, **{name: array[..., :-1] for name, array in fitted.items()})
    assert export.main(command) == 2
    np.savez(zca, mean=np.zeros(3), forward=np.eye(3), inverse=np.eye(3))
    assert export.main(command) == 2
    np.savez(zca, **fitted | {"mean": fitted["mean"] * np.nan})
    assert export.main(command) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [str(zca) in line for line in lines] == [True] * 4 and not out.exists()


@pytest.mark.parametrize("part", ["quantization", "export"])  # and of older versions
def test_the_accuracy_of_the_run_goes_with_the_set(tmp_path, part):
    save(tmp_path / "s.npz", synthetic())
    stored = {"mean": 0.8, "ci": [0.7, 0.9], "n": 5}
    exported = {"mean": 0.75, "ci": [0.7, 0.8], "n": 5}
    record = {
        "run": {"split": "test"},
        "accuracy": {"distilled": stored | {"per_class": [0.8]}},
        part: {"accuracy": exported, "bits": 8},
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    for load_, out in (("", "out"), ("s.npz", "loaded")):
        config = {"distill": {"load": load_}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        assert export.main([str(tmp_path / "s.npz"), str(tmp_path / out)]) == 0
    found = load(tmp_path / "out").metadata["accuracy"]
    assert found == {"split": "test", "stored": stored, "exported": exported}
    # the run that loaded the set trained by a recipe of its own
    assert "accuracy" not in load(tmp_path / "loaded").metadata


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"accuracy": {"distilled": 1}}', "[" * 99_999]
)
def test_a_record_of_something_else(tmp_path, capsys, text):
    save(tmp_path / "s.npz", synthetic())
    (tmp_path / "config.json").write_text('{"distill": {"load": ""}}')
    (tmp_path / "record.json").write_text(text)
    assert export.main([str(tmp_path / "s.npz"), str(tmp_path / "out")]) == 2
    assert f"error: {tmp_path / 'record.json'}" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_working_directory_is_a_folder_too(tmp_path, monkeypatch):
    save(tmp_path / "s.npz", synthetic())
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    assert export.main([str(tmp_path / "s.npz"), "."]) == 0
    assert len(load(tmp_path / "out").images) == 12


def test_a_data_set_that_tfds_refuses_leaves_nothing(tmp_path):
    pytest.importorskip("array_record")
    pytest.importorskip("importlib_resources")
    odd = METADATA | {"class_names": ["cat", "\ud800", "emu"]}
    made = synthetic()._replace(metadata=odd)
    assert "TFDS refuses" in message(export.to_tfds, tmp_path / "out", made)
    assert not list((tmp_path / "out").glob("*"))


def test_bad_usage(tmp_path, capsys):
    save(tmp_path / "s.npz", synthetic())
    out = str(tmp_path / "out")
    assert export.main([str(tmp_path / "none.npz"), out]) == 2
    assert capsys.readouterr().err == (
        f"error: no synthetic set at {tmp_path / 'none.npz'}: no such file\n"
    )
    assert export.main([str(tmp_path / "s.npz"), str(tmp_path / "s.npz" / "x")]) == 2
    assert "s.npz/x: not a directory" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        export.main([str(tmp_path / "s.npz"), out, "--format=jpg"])
    assert end.value.code == 2
    assert "choose from" in capsys.readouterr().err.splitlines()[-1]
