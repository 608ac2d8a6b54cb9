"""Runs whose steps are taken together end as each does alone."""

import json

import numpy as np
import pytest
from tiny import BARE, TINY, launch, make, snapshot

from dd_jax import run
from dd_jax.executors import find
from dd_jax.run import together
from dd_jax.runtime import joint_loop
from dd_jax.runtime.checkpoint import newest_step
from dd_jax.system import workdir

CHANGES = [
    {"seed": 0},
    {"seed": 1, "distill__init": "noise"},
    {"seed": 0, "distill__lr": 2.0},
]

NO_SHADOWS = {"audits__privacy__enabled": False}
NO_ATTACKS = {
    "audits__robustness__enabled": False,
    "audits__memorisation__enabled": False,
    "audits__quantization__enabled": False,
}


def cells(base, changes=CHANGES, **more):
    base = base | {"model.width": 4, "distill.lr": 1.0}
    return [run.prepared(make(base, **more | one)) for one in changes]


def result(root, cell):
    """The set, and the Record less its times."""
    with np.load(workdir.run_folder(root, cell.id) / "synthetic.npz") as found:
        arrays = {key: found[key] for key in ("images", "labels", "lr")}
    record = workdir.read_json(workdir.run_folder(root, cell.id) / "record.json")
    for step in record.get("learning_curve", ()):
        del step["seconds"]
    return arrays, {k: v for k, v in record.items() if k != "cost"}


def equal(a, b):
    for key in a[0]:
        np.testing.assert_array_equal(a[0][key], b[0][key])
    assert a[1] == b[1]


def ends_equal(some, tmp_path, at_once):
    """Runs each alone in one folder, together in another."""
    for group in (some[i : i + at_once] for i in range(0, len(some), at_once)):
        together.take_steps_together(group, tmp_path / "together")
    for cell in some:
        run.run(cell, tmp_path / "alone")
        run.run(cell, tmp_path / "together")
        equal(result(tmp_path / "alone", cell), result(tmp_path / "together", cell))


@pytest.mark.slow
def test_a_sweep_by_one_program_ends_as_each_run_alone(tmp_path):
    ends_equal(cells(BARE), tmp_path, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"distill__method": "dm", "audits__privacy__joint": True},
        {"distill__method": "dsa"} | NO_ATTACKS | NO_SHADOWS,
        {"distill__method": "mtt", "distill.mtt.experts": 1} | NO_ATTACKS,
        {"distill__method": "herding"} | NO_ATTACKS | NO_SHADOWS,
        {"sets": 2, "audits__learning_curve__eval_steps": 1} | NO_ATTACKS,
    ],
    ids=["joint", "dsa", "mtt", "selection", "sets"],
)
def test_all_stages_and_audits_together_end_as_each_run_alone(tmp_path, changes):
    ends_equal(cells(TINY, **changes), tmp_path, 3)


@pytest.mark.slow
def test_all_steps_are_taken_before_the_runs_start(tmp_path, monkeypatch):
    some = cells(BARE)
    together.take_steps_together(some, tmp_path)
    started = []
    monkeypatch.setattr(
        "dd_jax.distill.distil_many._distiller", lambda *_: started.append(1)
    )
    for cell in some:
        folder = workdir.run_folder(tmp_path, cell.id)
        loops = [p for p in (folder / "checkpoints" / "distil").iterdir()]
        assert [newest_step(p, 100) for p in loops] == [cell.config.distill.steps]
        rows = workdir.read_jsonl(folder / "metrics.jsonl")
        assert rows[-1]["step"] == cell.config.distill.steps
    one, other = (
        workdir.read_jsonl(workdir.run_folder(tmp_path, c.id) / "metrics.jsonl")
        for c in some[:2]
    )
    assert one != other


@pytest.mark.slow
def test_one_that_diverges_leaves_the_others_alone(tmp_path):
    some = cells(BARE, [{"seed": 0}, {"seed": 0, "distill__lr": 1e38}])
    together.take_steps_together(some, tmp_path)
    run.run(some[0], tmp_path)
    with pytest.raises(run.Diverged):
        run.run(some[1], tmp_path)
    assert run.record_of(some[0].id, tmp_path)


@pytest.mark.slow
def test_a_kill_between_two_saves_is_made_good(tmp_path, monkeypatch):
    some = cells(BARE, distill__steps=4, distill__steps_per_call=1)
    save = joint_loop.LoopFiles.save

    def killed(self, end, seconds, state):
        save(self, end, seconds, state)
        if end == 2 and self is not None and killed.left == 0:
            raise KeyboardInterrupt
        killed.left -= end == 2

    killed.left = 1  # the second run to be saved at step 2
    monkeypatch.setattr(joint_loop.Clock, "due", lambda self: True)
    monkeypatch.setattr(joint_loop.LoopFiles, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        together.take_steps_together(some, tmp_path / "together")
    monkeypatch.undo()
    ends_equal(some, tmp_path, 3)


def test_runs_are_found_while_their_steps_are_taken(tmp_path, monkeypatch):
    some, found = cells(BARE), []
    looked = lambda: find.run_folders(tmp_path, [cell.config for cell in some])
    monkeypatch.setattr(together, "_STAGES", (lambda run: found.append(looked()),))
    together.take_steps_together(some, tmp_path)
    folders = [workdir.run_folder(tmp_path, cell.id) for cell in some]
    assert found[0] == folders


def test_runs_of_another_process_are_left_to_it(tmp_path):
    from dd_jax.system import locks

    some = cells(BARE)
    with locks.exclusive(workdir.run_folder(tmp_path, some[1].id)):
        together.take_steps_together(some, tmp_path)
    distil = lambda cell: workdir.run_folder(tmp_path, cell.id) / "checkpoints/distil"
    assert [distil(cell).exists() for cell in some] == [True, False, True]


def test_a_run_that_another_process_has_finished_stays_so(tmp_path):
    """It ended after this one had looked what is left."""
    some = cells(BARE, CHANGES[:1])
    run.run(some[0], tmp_path)
    before = snapshot(workdir.run_folder(tmp_path, some[0].id))
    together.take_steps_together(some, tmp_path)
    assert snapshot(workdir.run_folder(tmp_path, some[0].id)) == before


@pytest.mark.slow
def test_the_launcher_takes_neighbours_together(tmp_path, capsys):
    sweep = tmp_path / "sweep.py"
    sweep.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        f"BASE = {json.dumps(BARE | {'model.width': 4})}\n".replace(
            "false", "False"
        ).replace("true", "True")
        + "get_config = lambda: config.override(config.default(), BASE, 'x')\n"
        "sweep = lambda: product({'distill.ipc': [1, 2], 'seed': [0, 1]})\n"
    )
    arguments = f"--config={sweep}", f"--workdir={tmp_path / 'out'}"
    assert launch(*arguments, "--together=2") == 0
    out = capsys.readouterr().out
    assert out.count("together: ") == 2 and "distill, 2 runs" in out
    assert launch(*arguments, "--together=2") == 0
    assert "together: " not in capsys.readouterr().out
    assert launch(*arguments, "--together=2", "--executor=local") == 2
