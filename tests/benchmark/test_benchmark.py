"""Published sets: added by one command, evaluated again, compared and ranked."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tiny
from published import BASE, RECIPE, elsewhere, page, ranked, refusal, rows
from published import finished as finished
from published import here as here

from dd_jax import run
from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark.adding import add
from dd_jax.benchmark.evaluation import Evaluated, prepared
from dd_jax.benchmark.published_set import read, records_of
from dd_jax.distill import load, save
from dd_jax.system import workdir
from dd_jax.types import InputError, SyntheticSet


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
    before = load(finished / "synthetic.npz").metadata
    for key in ("architecture_in_words", "training", "class_names", "normalisation"):
        assert published.metadata[key] == before[key]
    (row,) = rows()
    made = record["quantization"]["accuracy"]  # of the same bytes and keys
    again = json.loads(open("runs_out/benchmark/results.jsonl").read())
    assert again["accuracy"]["distilled"]["mean"] == made["mean"]
    assert row["accuracy"].startswith(f"{100 * made['mean']:.1f} %")
    assert row["found again"] == "inside" and row["steps"] == "2"
    assert (row["rank"], row["set"], row["method"]) == ("1", "k_2", "k-means")
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
    found = [(row["rank"], row["set"], row["found again"]) for row in rows()]
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
    path = add(finished, "k", here / "sets", {}, digest).path
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


def digest(published, source):
    return prepared(published, source)[1]


def test_what_cannot_be_added(here, finished, capsys):
    elsewhere(here / "set.npz")
    (here / "stopped").mkdir()
    elsewhere(here / "stopped" / "synthetic.npz")
    workdir.write_status(here / "stopped", "running", "interrupted")
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
    assert "no such folder" in give()
    (here / "sets").mkdir()
    assert "has no set in it" in give()
    assert "the run is not finished" in give("--add=stopped", "--name=x")
    lr = "--config.train.lr=0.3"
    assert "train.lr: is 0.01 of the set" in give(f"--add={finished}", "--name=x", lr)
    assert "train.lr: is 0.01" in give("--add=set.npz", "--name=x", *RECIPE, lr)
    assert "--data=x=npz:none.npz: no such file" in give("--data=x=npz:none.npz")
    assert not [*(here / "sets").iterdir()]
    elsewhere(here / "sets" / "x.npz")
    assert "exists already" in give(f"--add={finished}", "--name=x")


def test_labels_of_views_are_published_too(here):
    elsewhere(here / "set.npz")
    given = load("set.npz")
    views = np.random.default_rng(0).dirichlet(np.ones(3), (4, 6)).astype("f4")
    save("views.npz", given._replace(views=views))
    of, rows = {"data.source": "digits"}, lambda *_: "0"
    path = add(here / "views.npz", "v", here / "sets", of, rows).path
    np.testing.assert_array_equal(load(path).views, views)


def test_a_set_is_below_a_megabyte(here):
    rng = np.random.default_rng(0)
    labels = np.eye(2, dtype="f4")[np.arange(400) % 2]
    images = rng.random((400, 30, 30, 3), np.float32)
    save("large.npz", SyntheticSet(images, labels, np.float32(0.1), {}))
    with pytest.raises(InputError, match="1000000 are the most"):
        of = {"data.source": "digits"}
        add(here / "large.npz", "large", here / "sets", of, digest)
    assert not (here / "sets").exists()


def test_a_work_directory_that_cannot_be_used_publishes_nothing(here, capsys):
    elsewhere(here / "set.npz")
    (here / "w").mkdir()
    (here / "w/runs").write_text("")
    add_it = ("--add=set.npz", "--name=x", *RECIPE)
    assert "w/runs" in refusal(capsys, *add_it, "--workdir=w")
    assert not (here / "sets").exists()


def test_a_set_is_added_to_evaluations_that_others_kept(here, finished, capsys):
    source = tiny.npz(here / "pets.npz")
    elsewhere(here / "set.npz")
    words = [*RECIPE, f"--config.data.source={source}"]
    assert ranked("--add=set.npz", "--name=pets", *words, "--keep") == 0
    theirs = open("sets/README.md").read()
    assert theirs == page() and "| 1 | pets |" in theirs
    kept = json.loads(open("sets/evaluations.json").read())
    assert str(here) not in open("sets/evaluations.json").read()
    assert ranked(f"--add={finished}", "--name=k", "--workdir=other", "--keep") == 0
    assert "2 of 2 sets evaluated: 1 inside" in capsys.readouterr().out
    found = json.loads(open("sets/evaluations.json").read())
    assert found["pets"] == kept["pets"] and [*found] == ["k", "pets"]
    assert open("sets/README.md").read() == open("other/benchmark.md").read()
    assert theirs.splitlines()[-1] in open("sets/README.md").read()
    assert ranked("--workdir=third") == 0  # all again: none that was kept counts
    assert "- pets: its data are not here" in open("third/benchmark.md").read()


def test_evaluations_of_another_file_or_damaged_ones(here, finished, capsys):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE, "--keep") == 0
    elsewhere(here / "set.npz", seed=1)
    (here / "sets/x.npz").unlink()
    add(here / "set.npz", "x", here / "sets", tiny_recipe(), digest)
    assert ranked(f"--add={finished}", "--name=k", "--workdir=other") == 0
    assert "- x: not run yet" in open("other/benchmark.md").read()
    (here / "sets/evaluations.json").write_text('{"x": 5}')
    said = refusal(capsys, f"--add={finished}", "--name=k", "--workdir=third")
    assert "evaluations.json: is damaged; remove it" in said


def test_damaged_records_are_refused_before_compute(here, monkeypatch, capsys):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0
    add(here / "set.npz", "y", here / "sets", tiny_recipe(), lambda *_: "0")
    stated = load("sets/y.npz")
    save("sets/y.npz", stated._replace(metadata=stated.metadata | {"record": "a" * 12}))
    (here / "sets/more.jsonl.gz").write_bytes(gzip.compress(b"text")[:9])
    monkeypatch.setattr(command, "evaluate", lambda *_: pytest.fail("evaluated"))
    assert "more.jsonl.gz" in refusal(capsys)
    assert "more.jsonl.gz" in refusal(capsys, "--add=set.npz", "--name=z", *RECIPE)
    assert not (here / "sets/z.npz").exists()


def tiny_recipe():
    return tiny.MLP | {"data.source": "digits", "data.num_classes": 3}


@pytest.mark.parametrize("place", [".", "synthetic.npz"])
def test_a_run_is_given_from_its_own_folder(here, finished, monkeypatch, place):
    with monkeypatch.context() as patched:
        patched.chdir(finished)
        add(Path(place), "k", here / "sets", {}, lambda *_: "0")
    assert read(here / "sets/k.npz").record == finished.name
    assert (here / "sets/results.jsonl").exists()


def test_a_published_file_is_added_to_another_folder(here, finished):
    path = add(finished, "k", here / "sets", {}, digest).path
    again = add(path, "again", here / "sets", {}, digest).path
    assert read(again).metadata == read(path).metadata


def test_another_record_of_the_same_run_is_noted(here, finished):
    add(finished, "k", here / "sets", {}, digest)
    record = json.loads((here / "sets/results.jsonl").read_text())
    record["quantization"]["accuracy"] = {"mean": 0.1, "ci": None, "n": 2}
    (here / "sets/results.jsonl").write_text(json.dumps(record))
    (note,) = add(finished, "again", here / "sets", {}, digest).notes
    assert note.startswith("another Record of this run is there")


def test_metadata_of_others_name_no_path(here):
    elsewhere(here / "set.npz", origin="/home/ada/secret/run7")
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0
    assert "secret" not in json.dumps(read(here / "sets/x.npz").metadata)


def test_a_private_set_keeps_a_digest_of_its_evaluation_rows(here):
    elsewhere(here / "set.npz", provenance={"checksum": None})
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0
    assert read(here / "sets/x.npz").metadata["evaluation_rows"]


@pytest.mark.parametrize("record", ["\ud800", 5, ["x"]])
def test_a_set_that_names_no_record(here, record):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0
    found = load("sets/x.npz")
    save("sets/x.npz", found._replace(metadata=found.metadata | {"record": record}))
    assert ranked() == 0


def test_data_of_others_lie_where_they_usually_do(here, capsys):
    theirs = "npz:/of/others/digits.npz"
    recipe = [word for word in RECIPE if "data.source" not in word]
    elsewhere(here / "set.npz", config={"data": {"source": theirs}})
    assert ranked("--add=set.npz", "--name=x", *recipe) == 0
    elsewhere(here / "set.npz")
    typed = ("--add=set.npz", "--name=y", *recipe, f"--config.data.source={theirs}")
    assert "no such file" in refusal(capsys, *typed)


@pytest.mark.parametrize("name", ["scans.npz", "digits.npz"])
def test_other_data_of_the_same_name_are_refused(here, name):
    """Also where the name is that of data that come with the package."""
    (here / "b").mkdir()
    mine, other = tiny.npz(here / name), tiny.npz(here / "b" / name, **swapped())
    elsewhere(here / "set.npz")
    words = [*RECIPE, f"--config.data.source={mine}"]
    assert ranked("--add=set.npz", "--name=mine", *words) == 0
    short = name.removesuffix(".npz")
    assert ranked(f"--data={short}={other}") == 1
    assert "- mine: its evaluation rows are others here" in page()
    if short == "digits":
        assert ranked() == 1 and "its evaluation rows are others here" in page()
    assert ranked(f"--data={short}={mine}") == 0 and "| 1 | mine |" in page()


def test_sets_are_evaluated_on_their_data_in_another_form(here):
    source = tiny.npz(here / "pets.npz")
    words = [*RECIPE, f"--config.data.source={source}"]
    for number, name in enumerate("ab"):
        elsewhere(here / "set.npz", seed=number)
        assert ranked("--add=set.npz", f"--name={name}", *words) == 0
    assert {row["set"] for row in rows()} == {"a", "b"}
    named = tiny.npz(here / "named.npz", class_names=["x", "y", "z"])
    assert ranked(f"--data=pets={named}") == 0 and len(rows()) == 2
    assert page().count("**pets.npz, 3 classes") == 1


@pytest.mark.parametrize("provenance", [None, [1], 5, "text"])
def test_a_set_whose_provenance_is_nonsense(here, provenance):
    elsewhere(here / "set.npz", provenance=provenance)
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0


def test_a_run_that_has_no_set_yet_and_a_rate_that_was_learned(here, finished, capsys):
    (here / "begun").mkdir()
    workdir.write_status(here / "begun", "running", "interrupted")
    said = refusal(capsys, "--add=begun", "--name=x")
    assert "begun: the run is not finished" in said
    found = load(finished / "synthetic.npz")
    save("learned.npz", found._replace(lr=np.float32(0.0234)))
    give = "--config.train.lr=0.0234"
    assert ranked("--add=learned.npz", "--name=x", give) == 0


def swapped():
    """The arrays of the small data set with its classes in another order."""
    labels = tiny.arrays()
    return {name: (labels[name] + 1) % 3 for name in ("y_train", "y_test")}


def test_a_record_is_found_wherever_the_data_lie(here, tmp_path):
    first = tiny.npz(here / "pets.npz")
    record = run.run(tiny.make(BASE | {"data.source": first}), here / "runs_out/made")
    made = here / "runs_out/made/runs" / record["run"]["id"]
    assert ranked(f"--add={made}", "--name=pets") == 0
    (before,) = rows()
    assert before["found again"] == "inside"
    (here / "raw").mkdir()
    (here / "pets.npz").rename(here / "raw/copy.npz")
    assert ranked("--data=pets=npz:raw/copy.npz") == 0
    assert rows() == [before] and "**pets.npz, 3 classes" in page()


@pytest.mark.parametrize("place", ["../data/pets.npz", "../pets.npz", "\u72ac.npz"])
def test_data_are_named_by_the_end_of_their_whole_path(here, monkeypatch, place):
    (here / "work").mkdir()
    (here / "data").mkdir()
    monkeypatch.chdir(here / "work")
    tiny.npz(here / "work" / place)
    elsewhere(here / "work/set.npz")
    source = f"--config.data.source=npz:{place}"
    assert ranked("--add=set.npz", "--name=x", *RECIPE, source) == 0
    stated = read(here / "work/sets/x.npz").recipe["data.source"]
    assert stated == f"npz:{place.split('/')[-1]}"
    assert ranked(f"--data={place.split('/')[-1]}=npz:{place}") == 0


@pytest.mark.parametrize("at", ["evaluate", "prepared"])
def test_a_command_that_was_stopped_goes_on(here, finished, monkeypatch, at):
    def stopped(*_):
        raise KeyboardInterrupt

    words = (f"--add={finished}", "--name=k")
    with monkeypatch.context() as patched:
        patched.setattr(command, at, stopped)
        assert ranked(*words) == 130
    assert (here / "sets").exists() == (at == "evaluate")
    assert ranked(*words) == 0
    (row,) = rows()
    assert row["found again"] == "inside"
    assert len(open("sets/results.jsonl").read().splitlines()) == 1


def test_what_the_file_does_not_hold_is_said(here, capsys):
    record = run.run(tiny.make(BASE | {"sets": 2}), here / "made")
    folder = here / "made/runs" / record["run"]["id"]
    found = load(folder / "synthetic.npz")
    assert ranked(f"--add={folder}", "--name=first") == 0
    assert "the first of several sets" in capsys.readouterr().out
    (row,) = rows()
    assert row["Record"] == row["found again"] == "-"
    outside = found._replace(images=found.images + 0.5)
    save("bright.npz", outside._replace(metadata=found.metadata | {"clamped": False}))
    assert ranked("--add=bright.npz", "--name=bright") == 0
    assert "% of pixel values are outside [0, 1]: clipped" in capsys.readouterr().out


def test_a_set_without_its_data_is_no_success(here, monkeypatch):
    source = tiny.npz(here / "pets.npz")
    elsewhere(here / "set.npz")
    words = [*RECIPE, f"--config.data.source={source}"]
    monkeypatch.setattr(
        command, "evaluate", lambda *_: Evaluated({}, {"x": "no"}, False, {})
    )
    assert ranked("--add=set.npz", "--name=x", *words) == 1
