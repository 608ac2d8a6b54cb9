"""Sets and folders that would be ranked, or kept, as what they are not."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from published import RECIPE, elsewhere, page, ranked, refusal, rows
from published import finished as finished
from published import here as here

from dd_jax.benchmark import __main__ as command
from dd_jax.benchmark.evaluation import Evaluated, evaluate
from dd_jax.benchmark.published_set import read, records_of
from dd_jax.distill.io.storage import load, save
from dd_jax.distill.parametrisation.multi_formation import split_tiles


def test_other_images_have_no_record_of_the_set_that_they_replace(here, finished):
    assert ranked(f"--add={finished}", "--name=k", "--keep") == 0
    stated = load("sets/k.npz")
    noise = np.random.default_rng(0).random(stated.images.shape, np.float32)
    save("noise.npz", stated._replace(images=noise))
    assert ranked("--add=noise.npz", "--name=noise") == 0
    found = {row["set"]: row["Record"] for row in rows()}
    assert found["noise"] == "-" != found["k"]
    assert read(here / "sets/noise.npz").record == ""


@pytest.mark.parametrize("change", ["images", "lr", "recipe", "stored_images"])
def test_a_file_that_was_changed_in_its_place_has_no_record(here, finished, change):
    assert ranked(f"--add={finished}", "--name=k") == 0
    stated = load("sets/k.npz")
    own = {"images": stated.images * 0.9} if change == "images" else {}
    own |= {"lr": stated.lr * 2} if change == "lr" else {}
    if change == "recipe":
        config = stated.metadata["config"]
        config["train"] = config["train"] | {"epochs": 9}
    if change == "stored_images":
        stated.metadata["stored_images"] = 1
    save("sets/k.npz", stated._replace(**own))
    assert read(here / "sets/k.npz").record == ""
    del stated.metadata["record_digest"]  # of files that were published before
    save("sets/k.npz", stated)
    assert read(here / "sets/k.npz").record == finished.name


def test_tiles_that_were_clipped_are_added_again(here):
    elsewhere(here / "set.npz", count=3)
    whole = load("set.npz")
    tiles = np.asarray(split_tiles(4 * whole.images - 1.5, 2))
    labels = np.repeat(whole.labels, 4, 0)
    metadata = {"stored_images": 3, "clamped": False}
    save("tiles.npz", whole._replace(images=tiles, labels=labels, metadata=metadata))
    assert ranked("--add=tiles.npz", "--name=x", *RECIPE) == 0
    found = load("sets/x.npz")
    assert (found.images % 1 == 0).mean() > 0.05
    assert ranked("--add=sets/x.npz", "--name=again") == 0


def test_a_file_that_is_no_set_stops_no_other(here, capsys):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE) == 0
    (here / "sets/broken.npz").write_bytes(b"x")
    assert ranked("--add=set.npz", "--name=y", *RECIPE) == 0
    assert "broken" in capsys.readouterr().out
    assert ranked() == 1


def test_a_set_is_as_large_as_its_images(here, capsys):
    elsewhere(here / "many.npz", count=12, stored_images=3)
    said = refusal(capsys, "--add=many.npz", "--name=x", *RECIPE)
    assert "stored_images=3, and its 12 images are not their enlarged tiles" in said
    whole = load("many.npz")
    small = np.asarray(split_tiles(whole.images[:3], 2))
    save("tiles.npz", whole._replace(images=small))
    assert ranked("--add=tiles.npz", "--name=x", *RECIPE) == 0
    assert "1 image per class" in page()


@pytest.mark.parametrize("place", [".", "../sets"])
def test_records_are_found_above_wherever_the_command_runs(
    here, finished, monkeypatch, place
):
    assert ranked(f"--add={finished}", "--name=k") == 0
    (here / "sets/results.jsonl").rename(here / "results.jsonl")
    monkeypatch.chdir(here / "sets")
    assert [*records_of(Path(place), {finished.name})] == [finished.name]


def test_evaluations_of_sets_that_cannot_run_here_are_kept(here, finished, capsys):
    source = tiny.npz(here / "pets.npz")
    elsewhere(here / "set.npz")
    words = [*RECIPE, f"--config.data.source={source}"]
    assert ranked("--add=set.npz", "--name=pets", *words, "--keep") == 0
    kept = (here / "sets/evaluations.json").read_bytes()
    assert ranked("--workdir=third", "--keep") == 0
    said = capsys.readouterr().out
    assert "pets: its data are not here" in said and "kept evaluation stays" in said
    assert (here / "sets/evaluations.json").read_bytes() == kept
    assert "| 1 | pets |" in (here / "sets/README.md").read_text()


def test_sets_that_others_add_meanwhile_are_kept(here, finished, monkeypatch):
    elsewhere(here / "set.npz")
    add = lambda name, work: ranked(
        "--add=set.npz", f"--name={name}", *RECIPE, "--keep", f"--workdir={work}"
    )

    def slow(*given) -> Evaluated:
        monkeypatch.setattr(command, "evaluate", evaluate)
        assert add("theirs", "second") == 0
        return evaluate(*given)

    monkeypatch.setattr(command, "evaluate", slow)
    assert add("ours", "first") == 0
    kept = json.loads((here / "sets/evaluations.json").read_text())
    assert [*kept] == ["ours", "theirs"]


def test_no_accuracy_is_too_low_and_no_version_needed(here, finished):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE, "--keep") == 0
    path = here / "sets/evaluations.json"
    kept = json.loads(path.read_text())
    kept["x"]["record"]["accuracy"]["distilled"]["mean"] = 0.0
    kept["x"]["record"]["run"]["results_version"] = None
    path.write_text(json.dumps(kept))
    assert ranked(f"--add={finished}", "--name=k", "--workdir=other") == 0
    text = (here / "other/benchmark.md").read_text()
    assert "| 0.0 % (" in text and text.count("| 1 | ") == 2
    assert text.count("results version unknown") == 1


@pytest.mark.parametrize("change", ["accuracy", "split", "missing"])
def test_a_damaged_evaluation_is_refused_before_compute(
    here, finished, monkeypatch, capsys, change
):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE, "--keep") == 0
    path = here / "sets/evaluations.json"
    kept = json.loads(path.read_text())
    record = kept["x"]["record"]
    if change == "accuracy":
        record["accuracy"]["distilled"]["mean"] = "0.7"
    elif change == "split":
        record["run"]["split"] = None
    else:
        del record["run"]["split"]
    path.write_text(damaged := json.dumps(kept))
    monkeypatch.setattr(command, "evaluate", lambda *_: pytest.fail("evaluated"))
    said = refusal(capsys, f"--add={finished}", "--name=k", "--keep")
    assert "evaluations.json: is damaged; remove it" in said
    assert path.read_text() == damaged and not (here / "sets/k.npz").exists()


def test_other_versions_of_results_are_not_ranked_together(here, finished):
    elsewhere(here / "set.npz")
    assert ranked("--add=set.npz", "--name=x", *RECIPE, "--keep") == 0
    path = here / "sets/evaluations.json"
    kept = json.loads(path.read_text())
    kept["x"]["record"]["run"]["results_version"] = 1
    path.write_text(json.dumps(kept))
    elsewhere(here / "set.npz", seed=1)
    assert ranked("--add=set.npz", "--name=y", *RECIPE, "--workdir=other") == 0
    text = (here / "other/benchmark.md").read_text()
    assert text.count("| 1 | ") == 2 and "results version 1" in text


def test_class_names_that_look_like_paths_stay(here):
    names = ["T-shirt / top", "a/b/c", "~5 mm"]
    source = tiny.npz(here / "pets.npz", class_names=np.array(names))
    elsewhere(here / "set.npz", class_names=names)
    words = [*RECIPE, f"--config.data.source={source}"]
    assert ranked("--add=set.npz", "--name=x", *words, "--keep") == 0
    assert read(here / "sets/x.npz").metadata["class_names"] == names
    kept = json.loads((here / "sets/evaluations.json").read_text())
    assert kept["x"]["record"]["run"]["class_names"] == names


def test_another_set_that_is_refused_here_is_no_failure(here):
    for name, seed in (("a", 1), ("b", 7)):
        (here / name).mkdir()
        other = tiny.arrays(test_seed=seed)["x_test"]
        source = tiny.npz(here / name / "pets.npz", x_test=other)
        elsewhere(here / "set.npz", seed=seed)
        words = [*RECIPE, f"--config.data.source={source}", "--keep"]
        assert ranked("--add=set.npz", f"--name={name}", *words) == 0
