"""One run from end to end: what it writes, what it says, what it never does twice."""

import json

import jax
import numpy as np
import pytest
from events import scalars
from tiny import (
    BARE,
    MLP,
    TINY,
    arrays,
    flags,
    launch,
    make,
    npz,
    only_run,
    saved_networks,
    snapshot,
)

from dd_jax import catalogue, config, distill, run
from dd_jax.data import load
from dd_jax.report import event_files, records
from dd_jax.run import audit_context, context, one_run
from dd_jax.system import disk, workdir
from dd_jax.types import InputError

SHORT = BARE | MLP | {"distill.steps": 2, "train.epochs": 2, "train.full_epochs": 1}


def bare(root, **changes):
    return run.run(make(SHORT, **changes), root)


def refuse(*args, **kw):
    raise AssertionError("computed again")


def test_writes_every_file(root, folder):
    assert {path.name for path in root.iterdir()} == {
        "report.html",
        "results.jsonl",
        "runs",
        "cache",
        "tensorboard",
    }
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "status.json",
        "metrics.jsonl",
        "synthetic.npz",
        "model",
        "scores.npz",
        "scores_random_subset_t2.npz",
        "scores_full_data_t2.npz",
        "vulnerable_rows_t2.csv",
        "curves.json",
        "images.png",
        "record.json",
    }
    found = workdir.read_status(folder)
    assert (found["status"], found["error"]) == ("done", None)
    others = {path.name for path in folder.iterdir()} - {"status.json", "record.json"}
    assert set(found["files"]) == others
    assert found["record_sha256"] == disk.file_digest(folder / "record.json")
    assert workdir.read_json(folder / "config.json") == json.loads(
        make(TINY | MLP, report__tensorboard=True).to_json()
    )
    rows = workdir.read_jsonl(folder / "metrics.jsonl")
    assert [row["step"] for row in rows] == [2, 4]
    assert (folder / "images.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (root / "report.html").read_text()


def test_the_run_is_named_after_its_config_and_data(folder, record):
    values = make(TINY | MLP)
    data = load("digits", num_classes=3)
    seen = f"{data.checksum} {data.mean} {data.std}"
    assert folder.name == run.prepared(values).id == config.run_id(values, seen)
    assert record["run"]["id"] == folder.name


def test_results_hold_the_record(root, record):
    lines = (root / "results.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [record]
    assert records.validate(record) == record


def test_a_finished_run_is_not_run_again(root, folder, monkeypatch, capsys):
    before = snapshot(folder.parent)
    monkeypatch.setattr(one_run, "_measure", refuse)
    monkeypatch.setattr(audit_context, "logits_of_each", refuse)
    assert launch(*flags(TINY | MLP), f"--workdir={root}") == 0
    assert "already done" in capsys.readouterr().out
    assert snapshot(folder.parent) == before


def test_keys_that_change_no_result_find_the_same_run(root, folder, monkeypatch):
    monkeypatch.setattr(one_run, "_measure", refuse)
    same = make(TINY | MLP, checkpoint_seconds=0.0, distill__steps_per_call=1)
    assert run.run(same, root)["run"]["id"] == folder.name


def test_event_files_have_the_losses_and_the_final_figures(root, folder, record):
    found = scalars(root / "tensorboard" / folder.name)
    rows = workdir.read_jsonl(folder / "metrics.jsonl")
    losses = {row["step"]: row["loss"] for row in rows}
    assert dict(found["distillation/loss"]) == pytest.approx(losses)
    ((_, value),) = found["final/accuracy/distilled"]
    assert value == pytest.approx(record["accuracy"]["distilled"]["mean"])


def test_without_the_library_of_event_files_nothing_starts(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    options = flags(TINY | MLP, report__tensorboard=True)
    assert launch(*options, f"--workdir={tmp_path / 'w'}") == 2
    assert "needs tensorboardX" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_several_sets_give_an_estimate_over_sets(tmp_path):
    found = bare(tmp_path, sets=2)
    assert found["run"]["sets"] == 2 and found["run"]["nets"] == 2
    assert found["accuracy"]["distilled"]["n"] == 2
    folder = only_run(tmp_path)
    sets = [distill.load(folder / f"synthetic{i}.npz") for i in ("", "_1")]
    assert not np.array_equal(sets[0].images, sets[1].images)
    networks = saved_networks(folder)["distilled"]
    assert all(len(leaf) == 4 for leaf in jax.tree.leaves(networks))


def test_audits_that_are_off_leave_their_parts_out(tmp_path):
    found = bare(tmp_path)
    assert set(found) == {"run", "accuracy", "cost", "artifacts"}
    assert not (only_run(tmp_path) / "scores.npz").exists()
    assert "roc" not in workdir.read_json(only_run(tmp_path) / "curves.json")


def test_same_seed_same_bits_other_seed_other_bits(tmp_path):
    found = [bare(tmp_path / str(i), seed=seed) for i, seed in enumerate((0, 0, 1))]
    files = [
        (only_run(tmp_path / str(i)) / "synthetic.npz").read_bytes() for i in range(3)
    ]
    assert files[0] == files[1] != files[2]
    assert found[0]["accuracy"] == found[1]["accuracy"] != found[2]["accuracy"]


VARIANTS = (
    "dc",
    "dsa",
    "idc_i",
    "idc",
    "frepo",
    "ncfm",
    "rat_bptt",
)  # the rest of a run is as for dm


def marked(name):
    return pytest.param(name, marks=[pytest.mark.slow] if name in VARIANTS else [])


@pytest.mark.parametrize("method", [marked(name) for name in catalogue.names("method")])
def test_every_method_runs(tmp_path, method):
    found = bare(tmp_path, distill__method=method)
    assert found["run"]["method"] == method
    forms = {"frepo": 2, "rat_bptt": 2}
    assert found["run"].get("method_form") == forms.get(method)
    images = distill.load(only_run(tmp_path) / "synthetic.npz").images
    real = load("digits", num_classes=3).train.images / np.float32(255)
    is_real = [(image == real).all((1, 2, 3)).any() for image in images]
    selects = catalogue.entry("method", method).traits.get("selects", False)
    whole = selects and method != "rded"  # which takes crops
    assert all(is_real) if whole else not any(is_real)


@pytest.mark.parametrize("name", catalogue.names("init"))
def test_every_init_runs(tmp_path, name):
    place = catalogue.entry("init", name).traits.get("place")
    init = f"{name}:digits" if place else name
    groups = "clusters:2" if name == "balanced" else "given"
    found = bare(tmp_path, distill__init=init, data__groups=groups)
    assert found["run"]["init"] == init
    images = distill.load(only_run(tmp_path) / "synthetic.npz").images
    assert np.isfinite(images).all()
    assert (images.min() < -0.2) == (init == "noise")


@pytest.mark.slow
def test_each_cell_is_built_and_checked_once(tmp_path, monkeypatch):
    calls = []

    def count(module, name):
        inner = getattr(module, name)

        def counted(*args, **kw):
            calls.append(name)
            return inner(*args, **kw)

        monkeypatch.setattr(module, name, counted)

    count(one_run, "check")
    count(context, "network")
    file = tmp_path / "sweep.py"
    file.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        "def sweep(): return product({'distill.lr': [1.0, 2.0], 'seed': [0, 1]})\n"
    )
    arguments = [f"--config={file}", *flags(SHORT | {"distill.steps": 1})]
    assert launch(*arguments, f"--workdir={tmp_path / 'w'}") == 0
    # cells that differ in the seed alone share both
    assert sorted(calls) == ["check", "check", "network", "network"]


def test_a_prepared_run_holds_no_data():
    waiting = run.prepared(make(SHORT))
    assert not any(
        isinstance(leaf, np.ndarray | jax.Array) for leaf in jax.tree.leaves(waiting)
    )
    assert waiting.notes == () and waiting.forecast == ""


def test_data_that_change_after_the_check_are_one_line(tmp_path):
    source = npz(tmp_path / "a.npz")
    values = make(SHORT, data__source=source, data__num_classes=0)
    waiting = run.prepared(values)
    npz(tmp_path / "a.npz", **arrays(seed=5))
    with pytest.raises(InputError, match="data or a loaded set changed since the chec"):
        run.run(waiting, tmp_path / "w")
    assert not (tmp_path / "w").exists()
