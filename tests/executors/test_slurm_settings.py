"""Settings of Slurm are checked before anything is submitted."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from tiny import launch

from dd_jax.executors import slurm_commands
from dd_jax.types import InputError


def test_without_slurm_it_is_one_line_and_status_2(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert launch("--executor=slurm", f"--workdir={tmp_path / 'out'}") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: --executor=slurm: no sbatch on this machine; ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text, expected",
    [("30", 30), ("1:30", 2), ("1:00:30", 61), ("2-0", 2880), ("1-01:30", 1530)],
)
def test_time_limits(text, expected):
    assert slurm_commands.minutes(text) == expected


@pytest.mark.parametrize("text", ["", "0", "1h", "1:2:3:4", "-5", "UNLIMITED"])
def test_other_text_is_no_time_limit(text):
    with pytest.raises(InputError, match="--slurm.time="):
        slurm_commands.minutes(text)


def test_folders_of_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(slurm_commands, "_hosts", lambda partition: {"a", "b"})
    for place in ("/tmp/out", "/dev/shm/out", "/var/tmp/x/y"):
        with pytest.raises(InputError, match="compute nodes .a, ...."):
            slurm_commands.require_visible(slurm_commands.Path(place), None)
    slurm_commands.require_visible(slurm_commands.Path("/home/somebody/out"), None)


@pytest.mark.parametrize("kind, seen", [("lustre", True), ("nfs4", True), ("xfs", 0)])
def test_temporary_files_on_a_disk_that_nodes_share(monkeypatch, kind, seen):
    """As of sites where TMPDIR is in a user's scratch folder."""
    monkeypatch.setattr(slurm_commands, "_hosts", lambda partition: {"a", "b"})
    monkeypatch.setattr(slurm_commands.tempfile, "gettempdir", lambda: "/scratch/me")
    kinds = ("autofs", kind)  # mounted one over the other
    mounts = [SimpleNamespace(mountpoint="/scratch", fstype=k) for k in kinds]
    monkeypatch.setattr(slurm_commands.psutil, "disk_partitions", lambda all: mounts)
    path = slurm_commands.Path("/scratch/me/runs")
    with nullcontext() if seen else pytest.raises(InputError, match="in /scratch/me"):
        slurm_commands.require_visible(path, None)


def test_a_site_that_does_not_answer_has_slurms_own_limit(monkeypatch):
    monkeypatch.setattr(slurm_commands, "_lines", lambda command: None)
    assert slurm_commands.array_limit() == 1001
    assert slurm_commands.queued() is None and slurm_commands.state("5_1") == ""


def test_a_job_that_waits_for_what_may_never_come_says_so(monkeypatch):
    lines = ["5_1 None", "5_2 Resources", "7 PartitionTimeLimit", "8 Job's account no"]
    monkeypatch.setattr(slurm_commands, "_lines", lambda command: lines)
    reasons = {"5_1": "", "5_2": "", "7": "PartitionTimeLimit"}
    assert slurm_commands.queued() == reasons | {"8": "Job's account no"}


@pytest.mark.parametrize(
    "limit, partition, minutes",
    [(None, None, 60), ("30", None, 30), (None, "long", 240), ("9-0", "long", 12960)],
)
def test_the_time_limit_is_within_the_partitions(
    monkeypatch, limit, partition, minutes
):
    lines = ["long infinite"] if partition else ["low* 1:00:00", "long infinite"]
    monkeypatch.setattr(slurm_commands, "_lines", lambda command: lines)
    assert slurm_commands.within(limit, "4:00:00", partition) == minutes
    if not partition:
        with pytest.raises(InputError, match="partition low allows 1:00:00"):
            slurm_commands.within("61", "4:00:00", None)


@pytest.mark.parametrize("account, partition", [("no", "team"), ("te", "team")])
def test_an_account_that_the_partition_does_not_name(monkeypatch, account, partition):
    lines = [
        "PartitionName=low AllowAccounts=ALL Default=YES State=UP",
        "PartitionName=team AllowAccounts=team,a Default=NO State=UP",
    ]
    monkeypatch.setattr(slurm_commands, "_lines", lambda command: lines)
    with pytest.raises(InputError, match="partition team allows team,a"):
        slurm_commands.require_account(account, partition)
    for right, where in (("team", "team"), (None, "team"), ("no", None), ("no", "low")):
        slurm_commands.require_account(right, where)


def test_an_account_that_the_partition_denies(monkeypatch):
    lines = [
        "PartitionName=low AllowAccounts=ALL Default=YES State=UP",
        "PartitionName=team DenyAccounts=b,c Default=NO State=UP",
    ]
    monkeypatch.setattr(slurm_commands, "_lines", lambda command: lines)
    with pytest.raises(InputError, match="account=c: partition team denies it$"):
        slurm_commands.require_account("c", "team")
    for account, partition in (("c", "low,team"), ("a", "team"), ("c", None)):
        slurm_commands.require_account(account, partition)
