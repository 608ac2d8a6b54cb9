"""The audit of the data in a run: its advice comes before training, its work once."""

import pytest
from tiny import BARE, MLP, arrays, make, npz, only_run

from dd_jax import config, run
from dd_jax.audits import data_audit
from dd_jax.run import one_run, together

ON = BARE | MLP | {"audits.data.enabled": True, "data.num_classes": 0}


class Trained(Exception):
    """Training has begun."""


@pytest.fixture
def source(tmp_path):
    """Three classes with few rows, two of which are copies, one of them in test."""
    found = arrays()
    found["x_train"][1] = found["x_test"][0] = found["x_train"][0]
    return npz(tmp_path / "data.npz", **found)


def advised(capsys):
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.startswith("data: ")]


def test_advice_is_printed_before_training_once_for_all_runs(
    tmp_path, capsys, monkeypatch, source
):
    def stop(*_):
        raise Trained

    monkeypatch.setattr(one_run, "_results", stop)
    for ipc in (1, 2):
        with pytest.raises(Trained):
            run.run(make(ON, data__source=source, distill__ipc=ipc), tmp_path / "w")
        first, *others = advised(capsys)
        if ipc == 1:
            assert first == (
                "data: Test images that are copies of a training image: 1 (5.6 %). "
                "Take them out of train: networks may be right on them from memory."
            )
            monkeypatch.setattr(data_audit, "compared", None)  # found in the cache
        else:  # all that depends on the number of images
            assert "each of their 2 synthetic ones" in first and not others


def test_advice_before_a_plan_leaves_no_file(tmp_path, capsys, source):
    root = tmp_path / "w"
    run.look_at_data(run.prepared(make(ON, data__source=source)), root)
    assert "copies of a training image" in advised(capsys)[0]
    assert not root.exists()


def test_runs_that_take_steps_together_have_it_before_their_steps(
    tmp_path, capsys, monkeypatch, source
):
    def stop(*_):
        raise Trained

    monkeypatch.setattr(together, "_finished", stop)
    cells = [run.prepared(make(ON, data__source=source, seed=seed)) for seed in (0, 1)]
    with pytest.raises(Trained):
        run.take_steps_together(cells, tmp_path / "w")
    lines = advised(capsys)
    assert len(lines) == len(set(lines)) and "copies of a training" in lines[0]


@pytest.mark.slow
def test_the_record_has_what_was_advised_on(tmp_path, capsys, source):
    found = run.run(make(ON, data__source=source), tmp_path / "w")
    assert advised(capsys)
    part = found["data"]
    assert part["duplicates"]["exact"]["train"] == {"rows": 2, "other_label": 0}
    assert [row["train"] for row in part["classes"]] == [8, 8, 9]
    assert found["cost"]["data_seconds"] > 0 and part["ipc"] == 2
    assert (only_run(tmp_path / "w") / "duplicate_rows.csv").exists()


def test_ids_of_runs_without_it_do_not_depend_on_it():
    off = config.override(config.default(), {"audits.data.enabled": False}, "test")
    on = config.override(config.default(), {"audits.data.enabled": True}, "test")
    own = lambda given: config.run_id(given, "data", ("audits.data.",))
    assert own(off) == config.run_id(off, "data", ("no.such.key",)) != own(on)
