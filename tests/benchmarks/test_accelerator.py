"""What the benchmark of accelerators keeps, skips and refuses; no GPU is needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "experiments" / "benchmarks"
sys.path.insert(0, str(FOLDER))
import accelerator  # noqa: E402
import accelerator_rows  # noqa: E402
import accelerator_worker  # noqa: E402
from accelerator_process import Failed, TooLong, ask  # noqa: E402
from accelerator_rows import DATA, OURS, PRECISIONS, PROGRAMS, SIDES, Row  # noqa: E402

ALL = accelerator_rows.rows(PROGRAMS, DATA, PRECISIONS, SIDES)


class Clock:
    """Seconds that stand still unless a row takes some."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def run(todo, kept, seconds, deadline):
    """Rows that were kept, with what, and rows left, each taking `seconds(row)`."""
    clock, found = Clock(), []

    def measured(row, limit):
        taken = seconds(row)
        if isinstance(taken, Exception):
            raise taken
        clock.now += min(taken, limit)
        if taken > limit:
            raise TooLong("too long")
        return {"seconds_per_step": taken}

    keep = lambda row, numbers: found.append((row, numbers))
    left = accelerator.run_rows(todo, kept, measured, keep, deadline, clock)
    return found, left, clock.now


def test_the_most_telling_rows_come_first():
    first = ALL[: ALL.index(Row("cifar10", 10, "tf32", "apgd", OURS)) + 1]
    ours = [row.program for row in first if row.side == OURS and row.ipc == 10]
    assert ours == list(PROGRAMS)
    alike = {row[:3] for row in first if row.program != "dsa"}
    assert alike == {("cifar10", 10, "tf32")}
    assert len(set(ALL)) == len(ALL)


def test_nothing_is_measured_twice_where_images_a_class_do_not_matter():
    assert {row.ipc for row in ALL if row.program in ("pgd", "expert_epoch")} == {10}
    assert {row.ipc for row in ALL if row.program == "dsa" and row.side != OURS} == {1}


def test_a_row_that_fails_costs_one_row():
    todo = ALL[:3]
    errors = {todo[1]: Failed("status -9: Killed")}
    found, left, _ = run(todo, [], lambda row: errors.get(row, 1.0), 1000)
    assert [row for row, _ in found] == todo and not left
    assert found[1][1] == {"error": "status -9: Killed"}


def test_rows_that_are_there_are_skipped():
    todo = ALL[:4]
    kept = [row._asdict() | {"seconds_per_step": 1.0} for row in todo[:3]]
    found, _, _ = run(todo, kept, lambda row: 1.0, 1000)
    assert [row for row, _ in found] == todo[3:]


@pytest.mark.parametrize("times", [0.1, 1.0, 5.0])
def test_no_command_outlasts_its_minutes(times):
    seconds = lambda row: times * accelerator_rows.guess(row)
    found, left, end = run(ALL, [], seconds, 540)
    assert end <= 540 and found
    assert {row for row, _ in found}.isdisjoint(left)
    assert len(found) + len(left) == len(ALL)


def test_what_was_measured_corrects_the_guess():
    row = ALL[0]
    slow = [(row, 5 * accelerator_rows.guess(row))] * 10
    assert 3.5 < accelerator_rows.pace(slow) < 5


def test_shares():
    about = {"device": "NVIDIA H100 80GB HBM3", "matmul_tflops": {"tf32": 330.0}}
    row = Row("cifar10", 10, "tf32", "dm", OURS)
    found = accelerator.shares(row, {"seconds_per_step": 0.01}, 10**12, about)
    assert found["tflops"] == pytest.approx(100)
    assert found["share_of_peak"] == pytest.approx(100 / 495)
    assert found["share_of_matmul"] == pytest.approx(100 / 330)
    unknown = about | {"device": "a new chip"}
    found = accelerator.shares(row, {"seconds_per_step": 0.01}, 10**12, unknown)
    assert found["share_of_peak"] is None
    assert accelerator.shares(row, {"error": "status 1"}, 10**12, about) == {}


def test_a_worker_measures_a_program():
    row = Row("fashion_mnist", 1, "float32", "pgd", OURS)
    size = accelerator_rows.size_of(row, tiny=True)
    found = accelerator_worker.ours("pgd", list(size), "float32", 0.01)
    assert found["seconds_per_step"] > 0 and found["compile_seconds"] > 0
    assert found["flops"] > 0 and found["planned_bytes"] > 0
    assert len(found["rounds"]) == accelerator_worker.ROUNDS
    assert "pgd" in accelerator.line(row._asdict() | found)


def test_steps_are_a_multiple_of_a_networks_life():
    chosen = []
    found = accelerator_worker.timed(chosen.append, 1e-4, 10)
    assert found["steps_of_a_round"] % 10 == 0 and chosen[1:] == chosen[1:2] * 3


def test_a_worker_says_why_it_ended():
    with pytest.raises(Failed, match=r"^status 1: KeyError: 'nothing'"):
        ask("nothing", 60)
    with pytest.raises(TooLong, match="took longer than 0 s"):
        ask("torch_here", 0.01)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--programs=foo"], "unknown 'foo'"),
        (["--minutes=0"], "--minutes must be above 0"),
    ],
)
def test_bad_usage(arguments, words, tmp_path):
    command = [sys.executable, str(FOLDER / "accelerator.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_no_accelerator_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    answers = {"device": accelerator_worker.device(full=True), "torch_here": {}}
    monkeypatch.setattr(accelerator, "ask", lambda kind, limit, **_: answers[kind])
    assert accelerator.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: no GPU or TPU here, JAX finds only a CPU")
    assert not list(tmp_path.iterdir())


def test_a_record_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path):
    about = {"platform": "gpu", "device": "a chip", "matmul_tflops": {"tf32": 1.0}}
    monkeypatch.setattr(accelerator, "ask", lambda kind, limit, **_: dict(about))
    (tmp_path / "file").write_text("")
    assert accelerator.main([f"--out={tmp_path}/file/found.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "file" in line


def test_rows_and_record_are_written_as_they_come(monkeypatch, capsys, tmp_path):
    about = {"platform": "gpu", "device": "NVIDIA H100 80GB HBM3", "torch": "2"}
    about |= {"cuda": True, "matmul_tflops": {"tf32": 365.0}}
    found = {"seconds_per_step": 0.01, "compile_seconds": 9.0, "flops": 10**12}
    monkeypatch.setattr(accelerator, "ask", lambda kind, limit, **_: about | {})
    monkeypatch.setattr(accelerator, "measure", lambda row, limit, tiny: dict(found))
    file = tmp_path / "found.json"
    given = [f"--out={file}", "--programs=dm", "--sides=dd_jax,eager"]
    assert accelerator.main([*given, "--data=cifar10"]) == 0
    record = json.loads(file.read_text())
    assert [row["side"] for row in record["rows"]] == ["dd_jax", "eager"] * 2
    assert {row["precision"] for row in record["rows"]} == {"tf32"}
    assert record["rows"][1]["share_of_peak"] == pytest.approx(100 / 495)
    assert accelerator.main(given) == 0  # goes on with the other data set
    assert len(json.loads(file.read_text())["rows"]) == 8
    assert len(file.with_suffix(".rows").read_text().splitlines()) == 8
    about["device"] = "another"
    assert accelerator.main(given) == 0
    assert {r["device"] for r in json.loads(file.read_text())["rows"]} == {"another"}


@pytest.mark.slow
def test_the_whole_command_on_tiny_shapes(tmp_path):
    file = tmp_path / "found.json"
    flags = ["--allow_cpu", "--programs=pgd", "--data=cifar10", "--sides=dd_jax"]
    command = [sys.executable, str(FOLDER / "accelerator.py"), *flags, f"--out={file}"]
    for _ in range(2):  # the second finds all rows there
        subprocess.run(command, check=True, capture_output=True, text=True)
        record = json.loads(file.read_text())
        assert record["benchmark"] == "accelerator"
        assert [row["precision"] for row in record["rows"]] == ["bfloat16", "float32"]
        assert all(row["seconds_per_step"] > 0 for row in record["rows"])
        assert len(file.with_suffix(".rows").read_text().splitlines()) == 2
