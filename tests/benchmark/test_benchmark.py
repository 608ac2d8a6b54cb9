"""Published sets: added by one command, evaluated again, compared and ranked."""

import gzip
import json
import re

import numpy as np
import pytest
import tiny

from dd_jax import run
from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark.published_set import add, read, records_of
from dd_jax.distill import load, save
from dd_jax.types import InputError, SyntheticSet

BASE = tiny.BARE | tiny.MLP | {"audits.quantization.enabled": True}
BASE |= {"distill.method": "kmeans", "train.epochs": 2}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a finished run on digits."""
    root = tmp_path_factory.mktemp("made")
    record = run.run(tiny.make(BASE), root)
    return root / "runs" / record["run"]["id"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ranked(*words):
    return command.main([*map(str, words), "sets"])


def page():
    return open("runs_out/benchmark/benchmark.md").read()


def rows():
    """The cells of each set on the page."""
    lines = re.findall(r"^\| \d.*$", page(), re.M)
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def elsewhere(path, classes=3, count=6, seed=0, **metadata):
    """A set as others may make it."""
    rng = np.random.default_rng(seed)
    labels = np.eye(classes, dtype="f4")[np.arange(count) % classes]
    images = rng.random((count, 8, 8, 1), np.float32)
    save(path, SyntheticSet(images, labels, np.float32(0.01), metadata))
    return path


RECIPE = [f"--config.{key}={value}" for key, value in tiny.MLP.items()]
RECIPE += ["--config.data.source=digits", "--config.data.num_classes=3"]
RECIPE += ["--config.train.epochs=2", "--config.train.nets=2"]
RECIPE += ["--config.train.augment=none"]


def test_records_are_found_in_files_beside_and_above(tmp_path):
    folder = tmp_path / "sets"
    folder.mkdir()
    own = {"method": "dm", "dataset": "digits", "arch": "mlp", "init": "real"}
    own |= {"ipc": 1, "num_classes": 3}
    line = lambda name: json.dumps({"run": own | {"id": name}}).encode() + b"\n"
    (folder / "results.jsonl").write_bytes(line("a" * 12) + b'{"run": {"id": "b')
    packed = gzip.compress(line("c" * 12) + line("d" * 12))
    (tmp_path / "grid.jsonl.gz").write_bytes(packed)
    found = records_of(folder, {"a" * 12, "c" * 12, "e" * 12})
    assert {name: r["run"]["id"] for name, r in found.items()} == {
        "a" * 12: "a" * 12,
        "c" * 12: "c" * 12,
    }
    assert records_of(folder, set()) == {}


def test_one_command_adds_evaluates_and_ranks(here, finished, capsys):
    assert ranked(f"--add={finished}", "--name=k_2") == 0
    said = capsys.readouterr().out
    record = json.loads((finished / "record.json").read_text())
    published = load("sets/k_2.npz")
    stored = np.load("sets/k_2.npz")["images"]
    assert stored.dtype == np.uint8
    original = np.clip(load(finished / "synthetic.npz").images, 0, 1)
    assert abs(published.images - original).max() <= 0.5 / 255 + 1e-6
    assert published.metadata["record"] == record["run"]["id"]
    (row,) = rows()
    made = record["quantization"]["accuracy"]  # of the same bytes and keys
    again = json.loads(open("runs_out/benchmark/results.jsonl").read())
    assert again["accuracy"]["distilled"]["mean"] == made["mean"]
    assert row[5].startswith(f"{100 * made['mean']:.1f} %") and row[7] == "inside"
    assert row[:3] == ["1", "k_2", "k-means"]
    assert len(json.loads(open("sets/results.jsonl").read())["run"]["id"]) == 12
    assert (
        str(here) not in page()
        and "digits (scikit-learn), 3 classes, 2 images" in page()
    )
    assert "1 of 1 sets evaluated: 1 inside" in said


def test_a_finished_set_is_not_run_again(here, finished, capsys):
    assert ranked(f"--add={finished}", "--name=a") == 0
    (folder,) = (here / "runs_out/benchmark/runs").iterdir()
    before, was = tiny.snapshot(folder), page()
    assert ranked() == 0
    assert tiny.snapshot(folder) == before and page() == was


def test_a_set_made_elsewhere_is_ranked_with_others(here, finished):
    elsewhere(here / "noise.npz")
    assert ranked("--add=noise.npz", "--name=noise", *RECIPE) == 0
    assert ranked(f"--add={finished}", "--name=k", "--workdir=other") == 0
    lines = open("other/benchmark.md").read()
    assert "- noise: not run yet" in lines
    assert ranked() == 0
    found = [(row[0], row[1], row[7]) for row in rows()]
    assert found == [("1", "k", "inside"), ("2", "noise", "-")]
    settings = read(here / "sets/noise.npz").recipe
    assert settings["train.epochs"] == 2 and settings["model.name"] == "mlp"
    assert settings["train.decay"] == "half"  # the whole recipe, not what differs


def test_data_elsewhere_are_named_by_a_flag_and_never_by_path(here, capsys):
    source = tiny.npz(here / "My Pets.npz")
    elsewhere(here / "set.npz")
    words = [*RECIPE, f"--config.data.source={source}"]
    assert ranked("--add=set.npz", "--name=pets", *words) == 0
    assert "| 1 | pets |" in page()
    assert ranked() == 0
    assert "give --data=mypets=SOURCE" in page()
    assert str(here).encode() not in (here / "sets/pets.npz").read_bytes()
    assert ranked(f"--data=mypets={source}") == 0
    assert "| 1 | pets |" in page() and str(here) not in page()


def test_other_data_than_those_that_it_was_made_from(here, finished, monkeypatch):
    path = add(finished, "k", here / "sets", {}, print)
    published = load(path)
    changed = published.metadata | {"provenance": {"checksum": "other"}}
    save(path, published._replace(metadata=changed))
    assert ranked() == 1
    assert "k: its data are others here" in page()


@pytest.mark.parametrize(
    "config",
    [
        {"train": {"epochs": "many"}, "data": {"source": "digits"}},
        {"train": {"epochs": 0}, "data": {"source": "digits"}},
        {"train": {"unknown": 1}, "data": {"source": "digits"}},
        {"train": {}, "data": {"source": ["digits"]}},
        {"train": {}, "data": 5},
        {"train": {"augment": {"a": {}}}, "seed": None, "data": {"source": "digits"}},
        {"model": {"name": "x|<b>"}, "data": {"source": "digits"}},
        {},
    ],
)
def test_sets_that_state_nonsense_are_listed(here, config):
    (here / "sets").mkdir()
    elsewhere(here / "sets/odd.npz", config=config, record=["x"])
    (here / "sets/broken.npz").write_bytes(b"text")
    assert ranked() == 1
    assert "- odd: " in page() and "- broken: " in page()
    assert not re.search(r"(?<!\\)<", page())


def refusal(capsys, *words):
    assert ranked(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: ")
    return said


def test_what_cannot_be_added(here, finished, capsys):
    elsewhere(here / "set.npz")
    save("zca.npz", load("set.npz")._replace(metadata={"zca": "zca.npz"}))
    give = lambda *words: refusal(capsys, *words)
    assert "need each other" in give("--add=set.npz")
    assert "goes with --add" in give("--config.train.nets=2")
    assert "small letters" in give("--add=set.npz", "--name=../x", *RECIPE)
    assert "names no data" in give("--add=set.npz", "--name=x")
    assert "no part of training" in give(
        "--add=set.npz", "--name=x", "--config.distill.ipc=3"
    )
    assert "ZCA" in give("--add=zca.npz", "--name=x", *RECIPE)
    assert "no synthetic set" in give("--add=none.npz", "--name=x", *RECIPE)
    assert "holds (8, 8, 1) images of 3 classes" in give(
        "--add=set.npz", "--name=x", "--config.data.source=digits"
    )
    assert "NAME=SOURCE" in give("--data=digits")
    assert "has no set in it" in give() and not [*(here / "sets").iterdir()]
    (here / "sets").rmdir()
    assert "no such folder" in give()
    add(finished, "x", here / "sets", {}, print)
    assert "exists already" in give(f"--add={finished}", "--name=x")


def test_labels_of_views_are_published_too(here):
    elsewhere(here / "set.npz")
    given = load("set.npz")
    views = np.random.default_rng(0).dirichlet(np.ones(3), (4, 6)).astype("f4")
    save("views.npz", given._replace(views=views))
    path = add(here / "views.npz", "v", here / "sets", {"data.source": "digits"}, print)
    np.testing.assert_array_equal(load(path).views, views)


def test_a_set_is_below_a_megabyte(here):
    rng = np.random.default_rng(0)
    labels = np.eye(2, dtype="f4")[np.arange(400) % 2]
    images = rng.random((400, 30, 30, 3), np.float32)
    save("large.npz", SyntheticSet(images, labels, np.float32(0.1), {}))
    with pytest.raises(InputError, match="1000000 are the most"):
        add(
            here / "large.npz", "large", here / "sets", {"data.source": "digits"}, print
        )
