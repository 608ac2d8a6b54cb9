"""One process at a time, whatever becomes of the others."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from dd_jax.system import locks

HOLD = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from dd_jax.system import locks\n"
    "with getattr(locks, sys.argv[1])(sys.argv[2]):\n"
    "    print('held', flush=True)\n"
    "    time.sleep(float(sys.argv[3]))\n"
)


def hold(kind, path, seconds=60):
    """Another process that holds a lock by now."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, str(path), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def other(tmp_path):
    process = hold("exclusive", tmp_path / "run")
    yield process
    process.kill()
    process.wait()


def test_a_held_folder_names_its_owner(tmp_path, other):
    with pytest.raises(locks.Busy) as caught:
        with locks.exclusive(tmp_path / "run"):
            pass
    owner = f"{other.pid} on {socket.gethostname()}"
    assert caught.value.owner == owner
    assert str(caught.value) == f"{tmp_path / 'run'} is being run by {owner}"
    assert other.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_dead_owner_is_free(tmp_path, other, number):
    other.send_signal(number)
    other.wait()
    assert (tmp_path / "run" / ".lock").exists()
    with locks.exclusive(tmp_path / "run"):
        pass
    assert os.listdir(tmp_path / "run") == []


def test_a_lock_is_released_after_an_error_too(tmp_path):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locks.exclusive(tmp_path):
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_the_same_process_does_not_take_it_twice(tmp_path):
    with locks.exclusive(tmp_path):
        with pytest.raises(locks.Busy, match=f"by {os.getpid()} on"):
            with locks.exclusive(tmp_path):
                pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("killed", [False, True])
def test_waiting_ends_when_the_other_does(tmp_path, capsys, killed):
    process = hold("locked", tmp_path / "entry", 1)
    start = time.monotonic()
    if killed:
        process.kill()
        process.wait()
    with locks.locked(tmp_path / "entry"):
        waited = time.monotonic() - start
    process.wait()
    owner = f"{process.pid} on {socket.gethostname()}"
    line = f"waiting for {tmp_path / 'entry'}, which {owner} works on\n"
    assert capsys.readouterr().err == ("" if killed else line)
    assert waited < 0.5 if killed else waited > 0.5
    assert os.listdir(tmp_path) == []


def test_no_two_processes_are_inside_at_once(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from dd_jax.system import locks\n"
        "locks._POLL = 0.01\n"
        "for _ in range(20):\n"
        "    with locks.locked(Path('entry')):\n"
        "        count = int(Path('count').read_text())\n"
        "        time.sleep(0.002)\n"
        "        Path('count').write_text(str(count + 1))\n"
    )
    (tmp_path / "count").write_text("0")
    group = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        for _ in range(3)
    ]
    assert [process.wait() for process in group] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "60"
    assert os.listdir(tmp_path) == ["count"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_once(
    tmp_path, monkeypatch, capsys, number
):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        with locks.exclusive(tmp_path / "run"):
            pass
    assert capsys.readouterr().err == (
        f"{tmp_path / 'run'}: no locks on this file system; run one launcher at a time "
        "here\n"
    )


def test_a_lock_without_a_readable_name_is_held_all_the_same(tmp_path, other):
    (tmp_path / "run" / ".lock").write_text("{")
    with pytest.raises(locks.Busy, match="is being run by another process"):
        with locks.exclusive(tmp_path / "run"):
            pass
