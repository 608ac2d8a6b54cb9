import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import types
from contextlib import nullcontext
from pathlib import Path

import pytest

import dd_jax
from dd_jax import config
from dd_jax.config.fields import fields
from dd_jax.executors import plan_file
from dd_jax.executors.time_plan import Plan
from dd_jax.report import completed, sections
from dd_jax.system import workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.interruption import Interrupted
from dd_jax.system.locks import Busy
from dd_jax.types import DoesNotFit, InputError

ROOT = Path(__file__).parents[1]
ABLATION = ROOT / "experiments" / "ablation_digits.py"


def import_launch():
    spec = importlib.util.spec_from_file_location("launch", ROOT / "launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


launch = import_launch()
sections.names()  # loads them all, before `world` has another report in their place


class Diverged(Exception):
    pass


def fabricated(run_id):
    """The least Record that is valid."""
    names = {"method": "dm", "dataset": "digits", "arch": "mlp", "init": "real"}
    return {"run": {"id": run_id, "ipc": 1, "num_classes": 3} | names}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An empty current folder, and `dd_jax.run` and `.report` that note their calls.

    `world.outcome[ipc]` is an exception for `run` to raise.
    """
    world = types.SimpleNamespace(runs=[], writes=0, built=[], outcome={}, notes={})

    roots = []

    def run(cell, root):
        values = cell.config
        roots.append(root)
        folder = workdir.run_folder(root, cell.id)
        if record := record_of(folder.name, root):
            return record
        world.runs.append(values)
        world.during(values)
        error = world.outcome.get(values.distill.ipc)
        if isinstance(error, Busy):
            raise error
        if error:
            workdir.write_status(folder, "failed", error)
            raise error
        return finish(folder.name)

    def finish(run_id):
        folder, record = workdir.run_folder(roots[-1], run_id), fabricated(run_id)
        workdir.write_json(folder / "record.json", record)
        workdir.write_status(folder, "done")
        return record

    def record_of(run_id, root):
        return completed.intact_record(workdir.run_folder(root, run_id))

    def append_result(root, record):
        world.writes += 1

    def prepared(values):
        return types.SimpleNamespace(
            id=config.run_id(values, "checksum"),
            config=values,
            fingerprint="checksum",
            notes=world.notes.get(values.data.source, ()),
            forecast="",
        )

    fake = types.SimpleNamespace(
        run=run,
        prepared=prepared,
        record_of=record_of,
        device_kind=lambda: "cpu",
        one_grid=nullcontext,
        take_steps_together=lambda cells, root: None,
        runs_at_once=lambda cell: 1,
        Diverged=Diverged,
        Busy=Busy,
    )
    report = types.SimpleNamespace(
        build=world.built.append,
        completed=completed,
        records=types.SimpleNamespace(
            append_result=append_result, write_results=lambda root: None
        ),
    )
    for name, module in (("run", fake), ("report", report)):
        monkeypatch.setitem(sys.modules, f"dd_jax.{name}", module)
        monkeypatch.setattr(dd_jax, name, module, raising=False)
    monkeypatch.chdir(tmp_path)
    world.fake, world.finish, world.during = fake, finish, lambda values: None
    return world


def start(*arguments):
    return launch.main(["launch.py", *arguments])


def test_what_loading_did_is_printed_once(world, capsys):
    world.notes = {"digits": ("left out 3 .txt", "turned: 2 of 9 images")}
    experiment("product({'seed': [0, 1, 2]})")
    for flag in ("--dry_run", "--nodry_run"):
        assert start("--config=three.py", flag) == 0
        lines = capsys.readouterr().out.splitlines()
        printed = [line for line in lines if line.startswith("data: ")]
        assert printed == ["data: left out 3 .txt", "data: turned: 2 of 9 images"]


def experiment(text):
    Path("three.py").write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        f"def sweep(): return {text}\n"
    )
    return "--config=three.py"


THREE = "product({'distill.ipc': [1, 2, 3]})"


def test_no_flags_is_the_quick_start(world, capsys):
    assert start() == 0
    assert config.flat(world.runs[0]) == config.flat(config.default())
    assert world.built == [Path("runs_out/quickstart")]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "[1/1] quickstart",
        "[1/1] quickstart ... done in 0 s",
        "report: runs_out/quickstart/report.html",
    ]


def test_typed_overrides_reach_the_run(world):
    flags = [
        "--config.distill.ipc=3",
        "--config.train.lr=1",
        "--config.data.source=npz:my file.npz",
        "--config.audits.robustness.eps_linf=(0,0.1)",
        "--config.audits.privacy.scores=loss",
        "--noconfig.audits.fairness.enabled",
        "--config.audits.privacy.enabled=false",
        "--workdir=out",
    ]
    assert start(*flags) == 0
    (values,) = world.runs
    assert values.distill.ipc == 3 and values.train.lr == 1.0
    assert values.data.source == "npz:my file.npz"
    assert values.audits.robustness.eps_linf == (0, 0.1)
    assert values.audits.privacy.scores == ("loss",)
    assert not values.audits.fairness.enabled and not values.audits.privacy.enabled
    assert world.built == [Path("out")]


def test_sweep_runs_cells_in_order_with_one_report(world, capsys, monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    assert start(experiment(THREE)) == 0
    assert [values.distill.ipc for values in world.runs] == [1, 2, 3]
    assert world.writes == 3 and world.built == [Path("runs_out/three")]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "[1/3] ipc=1",
        "[1/3] ipc=1 ... done in 0 s, ETA 0 s",
        "[2/3] ipc=2",
    ]
    assert lines[5] == "[3/3] ipc=3 ... done in 0 s"


def test_command_line_wins_and_drops_the_axis(world):
    sweep = "product({'distill.ipc': [1, 2], 'distill.init': ['noise', 'real']})"
    assert start("--config.distill.ipc=7", experiment(sweep)) == 0
    cells = [(values.distill.ipc, values.distill.init) for values in world.runs]
    assert cells == [(7, "noise"), (7, "real")]


def test_failed_and_diverged_cells_do_not_stop_the_sweep(world, capsys):
    world.outcome = {1: ValueError("two\nlines"), 2: Diverged("loss is nan")}
    assert start(experiment(THREE)) == 1
    assert [values.distill.ipc for values in world.runs] == [1, 2, 3]
    assert world.built == [Path("runs_out/three")]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("[1/3] ipc=1 ... failed: ValueError: two lines (see runs_")
    assert second.startswith("[2/3] ipc=2 ... diverged: Diverged: loss is nan (see")


def test_no_report_without_records(world):
    world.outcome = {10: ValueError("no")}
    assert start() == 1
    assert world.built == [] and world.writes == 0


def test_report_can_be_left_out(world, capsys):
    assert start("--config.report.html=false") == 0
    assert world.writes == 1 and world.built == []
    assert "report:" not in capsys.readouterr().out


def test_finished_cells_are_recognised_and_failed_ones_run_again(world, capsys):
    world.outcome = {2: ValueError("no")}
    assert start(experiment(THREE)) == 1
    world.outcome = {}
    world.runs.clear()
    capsys.readouterr()
    assert start(experiment(THREE)) == 0
    assert [values.distill.ipc for values in world.runs] == [2]
    out = capsys.readouterr().out
    assert "[1/3] ipc=1 ... already done, ETA" not in out
    assert "[1/3] ipc=1 ... already done\n" in out
    assert "[2/3] ipc=2 ... done in 0 s\n" in out


def test_bad_input_from_a_later_cell_stops_before_any_run(world, capsys):
    prepared = world.fake.prepared

    def refuse_the_third(values):
        if values.distill.ipc == 3:
            raise InputError("class 4 has 2 images; ipc=3 needs at least 3")
        return prepared(values)

    world.fake.prepared = refuse_the_third
    assert start(experiment(THREE)) == 2
    assert world.runs == [] and not Path("runs_out").exists()
    error = capsys.readouterr().err
    assert error == (
        "error: 1 of 3 cells cannot run: [3/3] ipc=3: class 4 has 2 images; ipc=3 "
        "needs at least 3\n"
    )


def test_wrong_values_and_what_data_do_not_allow_are_listed_at_once(world, capsys):
    prepared = world.fake.prepared

    def refuse(values):
        if values.distill.ipc == 900:
            raise InputError("class 4 has 100 images")
        return prepared(values)

    world.fake.prepared = refuse
    grid = "product({'distill.ipc': [0, 5, 900, 'two'], 'seed': [0, None]})"
    reasons = [
        "[1/8] seed=0 ipc=0: config: distill.ipc=0: must be at least 1 (type int)",
        "[2/8] seed=None ipc=0, [4/8] seed=None ipc=5, [6/8] seed=None ipc=900, "
        "[8/8] seed=None ipc=two: config: seed=None: must be at least 0 and below "
        "2**32 (type int)",
        "[5/8] seed=0 ipc=900: class 4 has 100 images",
        "[7/8] seed=0 ipc=two: config: distill.ipc='two': must be at least 1 "
        "(type int)",
    ]
    for flag in ("--dry_run", "--manifest=cells.jsonl", "--executor=inline"):
        assert start(experiment(grid), flag) == 2
        out, error = capsys.readouterr()
        assert error == f"error: 7 of 8 cells cannot run: {'; '.join(reasons)}\n"
        assert out == "" and world.runs == [] and os.listdir() == ["three.py"]


def test_the_command_of_each_row_of_a_manifest_runs_that_cell(world, capsys):
    file, grid = experiment(THREE + " + product({'seed': [0, 4]})"), "cells.jsonl"
    given = [file, "--config.train.lr=0.5", "--workdir=my out"]
    assert start(*given, f"--manifest={grid}") == 0
    assert capsys.readouterr().out == "cells: 5; manifest in cells.jsonl\n"
    rows = [json.loads(line) for line in Path(grid).read_text().splitlines()]
    assert rows[4]["overrides"] == {"train.lr": 0.5, "distill.ipc": 10, "seed": 4}
    assert rows[4]["label"] == "[5/5] seed=4 ipc=10" and world.runs == []
    for row in rows:
        program, *arguments = shlex.split(row["command"])
        assert program == "python" and launch.main(arguments) == 0
        assert len(world.runs) == 1
        assert config.run_id(world.runs.pop(), "checksum") == row["id"]
    assert {path.name for path in Path("my out/runs").iterdir()} == {
        row["id"] for row in rows
    }


def test_a_long_plan_has_fifty_lines_a_count_and_a_summary(world, capsys, monkeypatch):
    monkeypatch.setattr(launch.plan.earlier, "read", lambda *folders: [])
    grid = "product({'distill.ipc': range(1, 31), 'seed': [0, 1]})"
    assert start(experiment(grid), "--config.report.html=false") == 0
    world.runs.clear()
    capsys.readouterr()
    grid = "product({'distill.ipc': range(1, 41), 'seed': [0, 1]})"
    assert start(experiment(grid), "--dry_run") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "cells: 80; results in runs_out/three"
    assert lines[49].startswith("[50/80] seed=1 ipc=25  run ")
    assert lines[50] == "and 30 more: 10 done, 20 new"
    assert lines[51] == (
        "compiled programs: 10 groups of 2 cells that differ in no shape"
    )
    assert lines[52].startswith("trained once for all cells that agree on them: 20 ra")
    assert lines[53:] == [
        "estimate: no estimate; no Record is of the same method, data set and "
        "architecture"
    ]


def test_input_that_fails_in_a_cell_stops_that_cell_alone(world, capsys):
    world.outcome = {2: InputError("bad pixel")}
    assert start(experiment(THREE)) == 1
    assert len(world.runs) == 3
    assert "bad pixel" in capsys.readouterr().err


def test_a_cell_that_does_not_fit_in_memory_is_refused_alone(world, capsys):
    why = "distill needs 31.2 GB of 16.0 GB on cuda:0; lower distill.batch_real"
    world.outcome = {2: DoesNotFit(why), 3: RuntimeError("broken")}
    assert start(experiment(THREE)) == 1
    assert f"[2/3] ipc=2 ... refused: {why}" in capsys.readouterr().err
    del world.outcome[3]
    assert start(experiment(THREE)) == 2


def test_interrupt_says_how_to_resume(world, capsys):
    world.outcome = {2: KeyboardInterrupt()}
    assert start(experiment(THREE), "--config.train.augment=none") == 130
    assert capsys.readouterr().err.strip() == (
        "interrupted; to resume, run again: "
        "python launch.py --config=three.py --config.train.augment=none"
    )


def test_a_cell_that_another_process_runs_is_passed_by(world, capsys):
    world.outcome = {2: Busy("runs/x", "77 on host")}
    assert start(experiment(THREE)) == 0
    assert [values.distill.ipc for values in world.runs] == [1, 2, 3, 2]
    out, err = capsys.readouterr()
    lines = [line for line in out.splitlines() if "ipc=2 ..." in line]
    assert [line.split(",")[0] for line in lines] == (
        ["[2/3] ipc=2 ... is being run by 77 on host"] * 2
    )
    assert out.splitlines()[-2] == (
        "1 of 3 are being run elsewhere, by 77 on host; run the same command again "
        "once they end"
    )
    assert err == "" and world.built == [Path("runs_out/three")] and world.writes == 2


def test_it_is_looked_at_again_when_the_others_are_done(world, capsys):
    def finishes(values):  # while the third cell runs here
        if values.distill.ipc == 3:
            changed = config.override(config.default(), {"distill.ipc": 2}, "test")
            world.finish(config.run_id(changed, "checksum"))

    world.outcome = {2: Busy("runs/x", "77 on host")}
    world.during = finishes
    assert start(experiment(THREE)) == 0
    out, err = capsys.readouterr()
    assert "[2/3] ipc=2 ... done by 77 on host\n" in out and err == ""
    assert "elsewhere" not in out and world.built == [Path("runs_out/three")]


def test_it_is_taken_over_when_its_owner_died(world, capsys):
    def dies(values):
        if values.distill.ipc == 3:
            world.outcome = {}

    world.outcome = {2: Busy("runs/x", "77 on host")}
    world.during = dies
    assert start(experiment(THREE)) == 0
    assert [values.distill.ipc for values in world.runs] == [1, 2, 3, 2]
    assert "[2/3] ipc=2 ... done in 0 s\n" in capsys.readouterr().out
    assert world.writes == 3


def test_with_all_cells_elsewhere_there_is_nothing_to_report(world, capsys):
    world.outcome = {10: Busy("runs/x", "77 on host")}
    assert start() == 0
    assert capsys.readouterr().out.splitlines() == [
        "[1/1] quickstart",
        "[1/1] quickstart ... is being run by 77 on host",
        "1 of 1 are being run elsewhere, by 77 on host; run the same command again "
        "once they end",
    ]
    assert world.built == [] and world.writes == 0


@pytest.mark.parametrize("where", ["append_result", "build", "run"])
def test_a_full_disk_is_one_line_and_status_1(world, capsys, monkeypatch, where):
    def full(*arguments, **kw):
        raise WriteError(28, "results.jsonl: cannot be written (No space left)")

    owner = {"build": dd_jax.report, "append_result": dd_jax.report.records}
    if where == "run":
        world.outcome = {10: WriteError(28, "state: cannot be written (No space left)")}
    else:
        monkeypatch.setattr(owner[where], where, full)
    assert start() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written (No space left)" in line


def test_no_cell_is_started_once_the_disk_is_full(world, capsys):
    world.outcome = {2: WriteError(28, "state: no room"), 3: WriteError(27, "large")}
    assert start(experiment("product({'distill.ipc': [1, 3, 2, 4]})")) == 1
    assert [values.distill.ipc for values in world.runs] == [1, 3, 2] and world.writes
    large, full = capsys.readouterr().err.splitlines()
    assert "[2/4] ipc=3 ... failed: WriteError: large" in large
    assert full == "error: [3/4] ipc=2: state: no room"


@pytest.mark.parametrize(
    "name", ["status.json", "record.json"], ids=["status", "record"]
)
def test_a_damaged_run_does_not_stop_a_sweep(world, capsys, name):
    assert start(experiment(THREE)) == 0
    world.runs.clear()
    ids = [path.parent for path in Path().glob("runs_out/three/runs/*/record.json")]
    (ids[0] / name).write_text("{")
    capsys.readouterr()
    assert start(experiment(THREE)) == 0
    assert len(world.runs) == 1
    out, err = capsys.readouterr()
    assert err.startswith(str(ids[0] / name)) and err.count("\n") <= 2
    assert out.count("already done") == 2 and out.count("done in") == 1


def test_dry_run_shows_states_and_writes_nothing(world, capsys):
    flag = experiment(THREE)
    world.outcome = {2: ValueError("no")}
    start(flag, "--config.distill.ipc=1", "--workdir=out")
    start(flag, "--config.distill.ipc=2", "--workdir=out")
    before = sorted(Path().rglob("*"))
    capsys.readouterr()
    world.runs.clear()
    assert start(flag, "--dry_run", "--workdir=out") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head == "cells: 3; results in out"
    ids = [
        config.run_id(
            config.override(config.default(), {"distill.ipc": ipc}, "test"), "checksum"
        )
        for ipc in (1, 2, 3)
    ]
    *lines, estimate = lines
    assert lines == [
        f"[1/3] ipc=1  run {ids[0]}  done",
        f"[2/3] ipc=2  run {ids[1]}  resumable (failed)",
        f"[3/3] ipc=3  run {ids[2]}  new",
        "compiled programs: 2 groups of 1 cells that differ in no shape",
        "trained once for all cells that agree on them: 2 random subset (for 2 cells), "
        "1 full data (for 2 cells), 2 random subset shadows (for 2 cells), 1 full data "
        "shadows (for 2 cells)",
    ]
    assert estimate.startswith("estimate: ")
    assert sorted(Path().rglob("*")) == before and world.runs == []


@pytest.mark.parametrize(
    "argument, message",
    [
        (
            "--config.distill.ipx=3",
            "--config.distill.ipx=3: unknown config key distill.ipx; "
            "did you mean distill.ipc?",
        ),
        ("--config.distill.ipc=x", "distill.ipc='x': must be at least 1 (type int)"),
        (
            "--config.distill.ipc=1.5",
            "distill.ipc='1.5': must be at least 1 (type int)",
        ),
        (
            "--config.distill.ipc=0",
            "config: distill.ipc=0: must be at least 1 (type int)",
        ),
        (
            "--config.report.html=maybe",
            "report.html='maybe': must be true or false",
        ),
        (
            "--config.data.source=cifar10",
            "config: data.source='cifar10': must be digits, tfds:NAME, idx:DIR, "
            "npz:FILE or folder:DIR",
        ),
        (
            "--config.audits.robustness.eps_l2=(0,",
            "audits.robustness.eps_l2='(0,': must be a tuple of one or more numbers, "
            "each once, in [0, 10000] (L2, pixels in [0, 1])",
        ),
        (
            "--config=nope.py",
            "--config=nope.py: no such file; give a Python config file",
        ),
        ("--confg=a.py", "Unknown command line flag 'confg'. Did you mean: config ?"),
        (
            "--executor=ray",
            "flag --executor=ray: value should be one of <inline|local|slurm|worker>",
        ),
        ("--slurm.gres=gpu:1", "--slurm.gres: needs --executor=slurm"),
        ("--workers=2", "--workers=2: needs --executor=local"),
        ("--workdir=file", "--workdir=file: is a file; give a folder"),
        (
            "--config.decision.membership_auc.red=0.5",
            "config: decision.membership_auc.red=0.5: must be at least "
            "decision.membership_auc.amber=0.55",
        ),
        (
            "--config.decision.accuracy_loss.amber=2.0",
            "config: decision.accuracy_loss.amber=2.0: must be in [0, 1] (type float)",
        ),
        (
            "--config.report.lang=fr",
            "config: report.lang='fr': must be one of en, ja",
        ),
        ("--fail_on=red", "--fail_on=red: needs --config.decision.enabled=True"),
        (
            "--fail_on=green",
            "flag --fail_on=green: value should be one of <red|amber>",
        ),
        ("extra", "unexpected argument extra; write --FLAG=VALUE"),
        ("--config", "Missing value for flag --config"),
    ],
)
def test_usage_errors_are_one_line_and_status_2(
    world, monkeypatch, capsys, argument, message
):
    Path("file").write_text("")
    monkeypatch.delattr(dd_jax, "run")
    monkeypatch.setitem(sys.modules, "dd_jax.run", None)  # an import would fail
    assert start(argument) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
    assert os.listdir() == ["file"]


DECIDE = "--config.decision.enabled=True", "--workdir=out"


@pytest.mark.parametrize(
    "loss, fail_on, status",
    [
        (0.5, "red", 1),
        (0.5, "amber", 1),
        (0.5, None, 0),
        (0.05, "red", 0),
        (0.05, "amber", 1),
        (0.0, "amber", 1),
        (0.0, "red", 0),
    ],
)
def test_status_1_where_a_check_has_the_colour_or_a_worse_one(
    world, monkeypatch, capsys, loss, fail_on, status
):
    around = lambda mean: {"mean": mean, "ci": [mean - 0.001, mean + 0.001], "n": 3}
    numbers = {"distilled": around(0.9 - loss), "full_data": around(0.9)}
    plain = fabricated
    monkeypatch.setitem(
        globals(), "fabricated", lambda run_id: plain(run_id) | {"accuracy": numbers}
    )
    given = [f"--fail_on={fail_on}"] if fail_on else []
    assert start(*DECIDE, *given) == status
    colour = "red" if loss > 0.1 else "amber" if loss else "not known"
    start_of_line = f"error: --fail_on={fail_on}: accuracy is {colour} ("
    error = capsys.readouterr().err
    assert error.startswith(start_of_line) if status else error == ""
    assert error.count("\n") == status and world.built == [Path("out")]
    assert Path("out", "junit.xml").exists()
    assert json.loads(Path("out", "decision.json").read_text())["problem"] is None


def test_a_decision_on_several_data_sets_is_refused_before_any_run(world, capsys):
    file = experiment("product({'data.num_classes': [2, 3]})")
    assert start(file, *DECIDE) == 2
    assert capsys.readouterr().err == (
        "error: decision.enabled: the runs differ in data.num_classes=2 and 3; a "
        "decision is on one data set\n"
    )
    assert world.runs == []


def test_no_decision_on_runs_of_other_data_is_one_line_after_the_report(world, capsys):
    folder = workdir.run_folder(Path("out"), "other")
    other = fabricated("other")
    other["run"]["num_classes"] = 7
    workdir.write_json(folder / "record.json", other)
    workdir.write_status(folder, "done")
    assert start(*DECIDE) == 2
    error = capsys.readouterr().err
    assert "2 data sets" in error and error.count("\n") == 1
    assert world.built == [Path("out")]


BUDGET = "--config.budget_minutes=1", "--workdir=out"


@pytest.fixture
def budget(world, monkeypatch):
    """A plan of three runs in a minute, without timing the machine."""
    points = [{"distill.ipc": ipc} for ipc in (1, 2, 3)]
    plan = Plan(60.0, {}, points, [10.0, 20.0, 20.0])
    monkeypatch.setattr(plan_file, "planned", lambda *arguments: plan)
    monkeypatch.setattr(launch, "_BEGAN", time.monotonic())
    return world


def test_the_same_command_goes_on_with_what_was_left_out(budget, capsys):
    budget.outcome = {2: Interrupted(signal.SIGALRM), 3: Interrupted(signal.SIGALRM)}
    assert start(*BUDGET) == 0
    out = capsys.readouterr().out
    assert "[2/3] ipc=2 ... left out: took longer than expected\n" in out
    assert out.splitlines()[-2:] == [
        "left out, no time: ipc=2; ipc=3; the same command goes on with it",
        "report: out/report.html",
    ]
    budget.outcome, budget.runs = {}, []
    assert start(*BUDGET) == 0
    assert [values.distill.ipc for values in budget.runs] == [2, 3]
    out = capsys.readouterr().out
    assert "[1/3] ipc=1 ... already done" in out and "left out" not in out


def test_a_dry_run_shows_the_plan_and_what_may_be_left_out(budget, capsys):
    assert start(*BUDGET, "--dry_run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "plan for 60 s: 2 of 3 runs, about 30 s",
        "plan: if there is time: ipc=3",
    ]
    assert lines[2] == "cells: 3; results in out" and not os.path.exists("out")


def test_no_run_in_the_budget_is_status_2_with_what_would_do(budget, capsys):
    budget.outcome = {ipc: Interrupted(signal.SIGALRM) for ipc in (1, 2, 3)}
    assert start(*BUDGET) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: budget_minutes=1: no run ended in this time; give ")
    assert error.count("\n") == 1 and budget.built == []


def test_one_command_line_shows_plans_or_writes(world, capsys):
    assert start("--status", "--manifest=cells.jsonl") == 2
    assert capsys.readouterr().err.endswith("starts no run; give one of them\n")
    assert not os.path.exists("cells.jsonl")


def shell(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_help_teaches_every_key(tmp_path):
    done = shell(tmp_path, ROOT / "launch.py", "--help")
    assert done.returncode == 0 and done.stderr == ""
    for key, field in fields().items():
        assert f"  {key}={field.default}" in done.stdout and field.help in done.stdout
    for word in ("--config=experiments/", "--workdir", "--executor", "--dry_run"):
        assert word in done.stdout


def test_bad_key_exits_2_from_a_shell(tmp_path):
    done = shell(tmp_path, ROOT / "launch.py", "--config.distill.ipx=3")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_dry_run_of_an_experiment_needs_no_jax(tmp_path):
    code = (
        "import sys, launch\n"
        "status = launch.main(['launch.py', *sys.argv[1:]])\n"
        "assert not {'jax', 'dd_jax.run'} & set(sys.modules)\n"
        "sys.exit(status)\n"
    )
    arguments = [f"--config={ABLATION}", "--config.data.source=tfds:mnist", "--dry_run"]
    done = shell(tmp_path, "-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "cells: 432; results in runs_out/ablation_digits"
    assert lines[1].startswith(
        "[1/432] seed=0 num_classes=2 method=dm ipc=1 init=noise  "
    )
    assert len(lines) == 52 and os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&- 2>&-", "0>&- >&-", "2>&-"])
def test_a_closed_output_is_no_error(tmp_path, closed):
    program = f"{shlex.quote(sys.executable)} {ROOT / 'launch.py'}"
    command = f"{program} --dry_run --workdir={shlex.quote(str(tmp_path / 'w'))}"
    done = subprocess.run(["sh", "-c", f"{command} {closed}"], capture_output=True)
    assert done.returncode == 0 and done.stderr == b""


def test_a_full_disk_under_the_output_is_one_line_and_status_1(tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, ROOT / "launch.py", "--dry_run"]
        done = subprocess.run(command, stdout=full, stderr=-1, cwd=tmp_path, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output: cannot be written (No space")
    assert done.stderr.count("\n") == 1
