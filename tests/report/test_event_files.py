"""Event files for TensorBoard: no step twice, final figures, settings."""

import json

import fabricate
import pytest
from events import events, scalars

from dd_jax.report import event_files, headline
from dd_jax.runtime.loop import run_loop
from dd_jax.types import InputError

pytest.importorskip("tensorboardX")
LOSS = "distillation/loss"


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / "runs" / "0123456789ab"


def test_losses_are_there_after_each_row(run_folder):
    log = event_files.LiveLosses(run_folder)
    log.start([])
    log.add({"step": 2, "loss": 0.5, "gap": 1.0})
    folder = event_files.folder_of(run_folder)
    assert scalars(folder) == {LOSS: [(2, 0.5)], "distillation/gap": [(2, 1.0)]}
    log.add({"step": 4, "loss": 0.25})
    assert scalars(folder)[LOSS] == [(2, 0.5), (4, 0.25)]
    assert events(folder)[0].file_version == "brain.Event:2"


@pytest.mark.parametrize("killed_at", [1, 4, 7])
def test_a_killed_loop_goes_on_with_no_step_twice(run_folder, tmp_path, killed_at):
    kill = [killed_at]

    def advance(state, first, last):
        if kill and first >= kill[0]:
            kill.clear()
            raise KeyboardInterrupt
        return state + 1, {"loss": 1.0 / (1 + first)}

    def go():
        log = event_files.LiveLosses(run_folder)
        kw = {"total": 9, "per_call": 1, "save_seconds": 1e9, "log": log}
        run_loop(advance, 0.0, folder=tmp_path / "states", **kw)

    with pytest.raises(KeyboardInterrupt):
        go()
    found = scalars(event_files.folder_of(run_folder))
    assert [step for step, _ in found.get(LOSS, [])] == list(range(1, killed_at + 1))
    go()
    found = scalars(event_files.folder_of(run_folder))
    assert [step for step, _ in found[LOSS]] == list(range(1, 10))
    go()  # nothing is left to do
    assert scalars(event_files.folder_of(run_folder)) == found


def test_the_final_file_has_curves_figures_and_settings(run_folder):
    row = fabricate.record(config={"distill.lr": 0.1, "train.augment": "none"})
    row["learning_curve"] = [
        {"step": step, "seconds": 1.0, "accuracy": fabricate.around(0.5 + step / 100)}
        for step in (10, 20)
    ]
    row = json.loads(json.dumps(row, default=float))
    log = event_files.LiveLosses(run_folder)
    log.start([{"step": 5, "loss": 9.0}])
    losses = [{"step": 10, "loss": 0.5}, {"step": 20, "loss": 0.25}]
    event_files.write_final(run_folder, row, losses)
    folder = event_files.folder_of(run_folder)
    found = scalars(folder)
    assert found[LOSS] == [(10, 0.5), (20, 0.25)]
    assert dict(found["evaluation/accuracy"]) == pytest.approx({10: 0.6, 20: 0.7})
    for pipe in ("distilled", "random_subset", "full_data"):
        ((step, value),) = found[f"final/accuracy/{pipe}"]
        assert step == 20
        assert value == pytest.approx(headline.accuracy(row, pipe)["mean"])
    auc = headline.membership(row).auc
    assert found["final/membership_auc/distilled/ci_low"][0][1] == pytest.approx(
        auc["ci"][0]
    )
    tags = [value.tag for event in events(folder) for value in event.summary.value]
    assert [tag for tag in tags if tag.startswith("_hparams_")] == [
        "_hparams_/experiment",
        "_hparams_/session_start_info",
        "_hparams_/session_end_info",
    ]
    (start,) = [
        value.metadata.plugin_data.content
        for event in events(folder)
        for value in event.summary.value
        if value.tag == "_hparams_/session_start_info"
    ]
    for key in (b"distill.lr", b"train.augment", b"method", b"seed"):
        assert key in start


def test_without_the_library_one_line(monkeypatch):
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -e '.\[tensorboard\]'"):
        event_files.require()
