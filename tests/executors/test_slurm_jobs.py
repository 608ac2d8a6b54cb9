"""Jobs of a cluster whose commands are faked."""

import errno
import os
import signal
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from dd_jax.executors import lost, slurm, slurm_commands, slurm_submission
from dd_jax.executors.element import Element
from dd_jax.system import interruption, workdir
from dd_jax.system.disk import WriteError, writing
from dd_jax.types import InputError

SETTINGS = {"slurm_array_parallelism": 9}
IDS = (0, "a"), (1, "b")


def names(block):
    """Of the jobs of an array, 5."""
    return [f"5_{element.number}" for element in block]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A queue of jobs by name, empty; and which are cancelled."""
    found = SimpleNamespace(queue={}, cancelled=[])
    monkeypatch.setattr(slurm_commands, "queued", lambda: found.queue)
    monkeypatch.setattr(slurm_commands, "array_limit", lambda: 10)
    monkeypatch.setattr(slurm_commands, "cancel", found.cancelled.extend)
    monkeypatch.setattr(
        slurm_submission,
        "_submitted",
        lambda folder, block, _: names(block),
    )
    return found


def run(root, count):
    cells = [SimpleNamespace(id=f"{i:012x}") for i in range(count)]
    return slurm.run_on_cluster(
        cells, [f"[{i}]" for i in range(count)], root, [], SETTINGS
    )


def test_a_job_out_of_memory_says_which_keys_to_lower(
    cluster, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(slurm_commands, "state", lambda job: "OUT_OF_MEMORY")
    monkeypatch.setattr(slurm, "_SOON", 0.0)
    workdir.write_status(workdir.run_folder(tmp_path, f"{0:012x}"), "running")
    (end,) = run(tmp_path, 1)
    words = "job 5_0 ended OUT_OF_MEMORY; lower distill.batch_real (mtt: "
    assert end.kind == "failed" and words in capsys.readouterr().err
    error = workdir.read_status(workdir.run_folder(tmp_path, f"{0:012x}"))["error"]
    assert error.endswith("model.width, or raise --slurm.mem")


def test_a_refused_submission_leaves_the_files_of_others_and_is_one_line(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("SUBMITIT_LOG_LEVEL", "NOCONFIG")  # else it closes others' logs
    pytest.importorskip("submitit")
    (tmp_path / "bin").mkdir()
    for name in ("srun", "sbatch"):
        command = tmp_path / "bin" / name
        command.write_text(
            '#!/bin/sh\ntouch "$(dirname "$1")/4_7_0_log.err"\n'  # as job 4_7 starts
            "echo 'error: no more jobs' >&2\nexit 1\n"
        )
        command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    folder, kept = tmp_path / "slurm", tmp_path / "slurm" / "jobs.jsonl"
    workdir.write_jsonl(kept, [{"run": "a", "job": "4_7"}])
    elements = [Element((), i, run_id, tmp_path, tmp_path) for i, run_id in IDS]
    for count in (1, 2):
        with pytest.raises(InputError, match="^Slurm refuses the jobs: .*no more jobs"):
            slurm_submission._submitted(folder, elements[:count], {"slurm_time": 5})
    assert {*folder.iterdir()} == {kept, folder / "4_7_0_log.err"}
    assert capfd.readouterr() == ("", "")


def test_cells_that_slurm_has_no_room_for_are_submitted_once_others_have_ended(
    cluster, tmp_path, monkeypatch, capsys
):
    """A site that takes two jobs of a user at a time, in arrays of two.

    Before it takes the third, other jobs of the user are in the queue.
    """
    monkeypatch.setattr(slurm_commands, "array_limit", lambda: 2)
    waiting, tried = {}, []

    def submitted(folder, block, settings):
        tried.append(len(block))
        if waiting or len(tried) == 5:
            raise InputError("Slurm refuses the jobs: QOSMaxSubmitJobPerUserLimit")
        waiting.update({f"5_{e.number}": e.run_id for e in block})
        cluster.queue |= dict.fromkeys(waiting, "")
        return [*waiting]

    def slept(seconds):
        for run_id in waiting.values():
            workdir.write_status(workdir.run_folder(tmp_path, run_id), "done")
        waiting.clear()
        cluster.queue.clear()

    monkeypatch.setattr(slurm_submission, "_submitted", submitted)
    monkeypatch.setattr(slurm_submission.time, "sleep", slept)
    assert [end.kind for end in run(tmp_path, 5)] == ["done"] * 5
    printed = capsys.readouterr()
    assert printed.err.count("cells wait until the others have ended") == 2
    assert "QOSMaxSubmitJobPerUserLimit; 3 cells wait" in printed.err
    assert "QOSMaxSubmitJobPerUserLimit; tried again every" in printed.err
    assert printed.out.count("submitted 2 cells") == 2 and tried == [2, 2, 2, 1, 1, 1]


@pytest.mark.parametrize("row", [{"x": 1}, [1], "x", None, {"run": [], "job": {}}])
def test_damaged_rows_of_jobs_count_not(cluster, tmp_path, row):
    cluster.queue["4_7"] = ""
    workdir.write_jsonl(tmp_path / "jobs.jsonl", [row, {"run": "a", "job": "4_7"}])
    elements = {i: Element((), i, run_id, tmp_path, tmp_path) for i, run_id in IDS}
    jobs = {}
    slurm_submission.find_jobs(tmp_path, elements, SETTINGS, False, jobs)
    assert jobs == {0: "4_7", 1: "5_1"}
    rows = workdir.read_jsonl(tmp_path / "jobs.jsonl")
    assert rows[1:] == [{"run": "a", "job": "4_7"}, {"run": "b", "job": "5_1"}]


def full_disk(number=errno.ENOSPC):
    """The error of a file that it has no room for."""
    with pytest.raises(WriteError) as full, writing("state"):
        raise OSError(number, os.strerror(number))
    return full.value


def why_it_stops(cluster, root):
    """Of three cells, whose jobs are all cancelled; that of the second is over."""
    cluster.queue |= {"5_0": "", "5_2": ""}
    with pytest.raises(WriteError) as stopped:
        run(root, 3)
    assert cluster.cancelled == ["5_0", "5_1", "5_2"]
    return str(stopped.value)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_where_the_disk_is_full_the_other_jobs_are_cancelled(
    cluster, tmp_path, monkeypatch, number
):
    full = full_disk(number)

    def submitted(folder, block, settings):
        workdir.write_status(block[1].folder, "failed", full)
        return names(block)

    monkeypatch.setattr(slurm_submission, "_submitted", submitted)
    assert why_it_stops(cluster, tmp_path) == f"[1]: {full}"


@pytest.mark.parametrize(
    "module, name, words",
    [(slurm, "record_loss", "[1]: {}"), (workdir, "append_jsonl", "{}")],
)
def test_so_are_they_where_it_has_no_room_for_the_end_or_the_list_of_jobs(
    cluster, tmp_path, monkeypatch, module, name, words
):
    full = full_disk()

    def refused(*_):
        raise full

    monkeypatch.setattr(module, name, refused)
    monkeypatch.setattr(slurm, "_SOON", 0.0)
    monkeypatch.setattr(slurm_commands, "state", lambda job: "FAILED")
    assert why_it_stops(cluster, tmp_path) == words.format(full)


def test_a_signal_while_jobs_are_submitted_names_them(
    cluster, tmp_path, monkeypatch, capsys
):
    def submitted(folder, block, settings):
        interruption._stop(signal.SIGTERM, None)
        return names(block)

    monkeypatch.setattr(slurm_submission, "_submitted", submitted)
    monkeypatch.setattr(interruption, "_last", -interruption._AT_ONCE)  # by other tests
    folder = workdir.run_folder(tmp_path, f"{0:012x}")
    workdir.write_status(folder, "failed", "why")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, 3)
    assert capsys.readouterr().err.endswith("; to stop them: scancel 5\n")
    assert len(workdir.read_jsonl(tmp_path / "slurm" / "jobs.jsonl")) == 3
    assert workdir.read_status(folder)["status"] == "running"


def test_runs_whose_jobs_are_refused_keep_their_words(cluster, tmp_path, monkeypatch):
    def refused(folder, block, settings):
        assert workdir.read_status(block[0].folder)["status"] == "running"
        raise InputError("Slurm refuses the jobs: no")

    monkeypatch.setattr(slurm_submission, "_submitted", refused)
    folder = workdir.run_folder(tmp_path, f"{0:012x}")
    workdir.write_status(folder, "diverged", ValueError("loss is nan"))
    before = workdir.read_status(folder)
    with pytest.raises(InputError):
        run(tmp_path, 1)
    assert workdir.read_status(folder) == before and "traceback" in before


def test_a_run_that_another_launcher_has_finished_meanwhile_stays_done(
    tmp_path, monkeypatch
):
    workdir.write_status(tmp_path, "failed", "why")

    @contextmanager
    def held_until_it_is_done(folder):
        workdir.write_status(folder, "done")
        yield

    monkeypatch.setattr(lost.locks, "exclusive", held_until_it_is_done)
    with lost.tried_again([tmp_path]):
        assert workdir.read_status(tmp_path)["status"] == "done"


@pytest.mark.parametrize("why", [str(full_disk()), "job 4_0 ended TIMEOUT"])
def test_how_a_job_ended_is_not_read_of_an_earlier_one(
    cluster, tmp_path, monkeypatch, capsys, why
):
    """A job that is cancelled before it starts leaves no word of its own."""
    folder = workdir.run_folder(tmp_path, f"{0:012x}")
    workdir.write_status(folder, "failed", f"WriteError: {why}")
    monkeypatch.setattr(slurm, "_SOON", 0.0)
    monkeypatch.setattr(slurm_commands, "state", lambda job: "CANCELLED by 0")
    (end,) = run(tmp_path, 1)
    assert end.kind == "failed" and "job 5_0 ended CANCELLED" in end.text
    assert workdir.read_status(folder)["error"] == "job 5_0 ended CANCELLED by 0"
    assert why not in capsys.readouterr().err and not cluster.cancelled
