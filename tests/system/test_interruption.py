"""Signals that ask the program to stop: one way out, with the command to resume."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from tiny import BARE, MLP, ROOT, flags

from dd_jax.system import workdir

BUSY = (
    "import sys, time\n"
    "from dd_jax.system import interruption\n"
    "interruption.install()\n"
    "try:\n"
    "    print('ready', flush=True)\n"
    "    time.sleep(60)\n"
    "except KeyboardInterrupt as stop:\n"
    "    time.sleep(0.3)\n"  # cleans up
    "    interruption.ignore()\n"
    "    print('ready', flush=True)\n"
    "    time.sleep(0.3)\n"
    "    print(stop, flush=True)\n"
    "    sys.exit(interruption.status(stop))\n"
)


AT_ONCE = (
    "import signal, sys\n"
    "from dd_jax.system import interruption\n"
    "interruption.install()\n"
    "with interruption.at_once():\n"
    "    if sys.argv[1:]: signal.raise_signal(signal.SIGTERM)\n"
    "try:\n"
    "    signal.raise_signal(signal.SIGTERM)\n"
    "except KeyboardInterrupt as stop:\n"
    "    sys.exit(interruption.status(stop))\n"
)


DROPPED = (
    "import gc, signal, sys, time\n"
    "from dd_jax.system import interruption\n"
    "interruption.install()\n"
    "class Deleted:\n"
    "    def __del__(self): signal.raise_signal(signal.SIGTERM)\n"
    "def collected(*_):\n"
    "    gc.callbacks.clear()\n"
    "    signal.raise_signal(signal.SIGTERM)\n"
    "try:\n"
    "    if sys.argv[1] == 'deleted': Deleted()\n"
    "    else: gc.callbacks.append(collected), gc.collect()\n"
    "    time.sleep(30)\n"
    "except KeyboardInterrupt as stop:\n"
    "    sys.exit(interruption.status(stop))\n"
)


@pytest.fixture(autouse=True)
def _programs_take_sigint():
    """A shell ignores it in what it starts in the background, such as these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("arguments, status", [(["x"], -signal.SIGTERM), ([], 143)])
def test_signals_end_the_program_while_no_python_code_can_run(arguments, status):
    program = start("-c", AT_ONCE, *arguments)
    assert program.communicate() == ("", "") and program.returncode == status


@pytest.mark.parametrize("where", ["deleted", "collected"])
def test_a_signal_that_python_drops_stops_the_program_a_moment_later(where):
    """No exception leaves a destructor or a callback of the garbage collector."""
    program = start("-c", DROPPED, where)
    assert program.communicate() == ("", "") and program.returncode == 143


def test_other_errors_that_python_drops_are_still_printed():
    program = start(
        "-c",
        "from dd_jax.system import interruption\n"
        "interruption.install()\n"
        "class Deleted:\n"
        "    def __del__(self): raise ValueError('in a destructor')\n"
        "Deleted()\n",
    )
    _, err = program.communicate()
    assert "ValueError: in a destructor" in err and program.returncode == 0


def start(*arguments):
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_once_and_more_of_them_change_nothing(name):
    process = start("-c", BUSY)
    assert process.stdout.readline() == "ready\n"
    number = getattr(signal, name)
    for _ in range(3):
        process.send_signal(number)
        time.sleep(0.05)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert (out, err) == (f"{name}\n", "")


def test_what_is_ignored_from_the_start_stays_so():
    command = shlex.join([sys.executable, "-c", BUSY])
    process = subprocess.Popen(  # as nohup does
        ["sh", "-c", f"trap '' HUP; exec {command}"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143


@pytest.mark.slow
@pytest.mark.parametrize("name, times", [("SIGINT", 1), ("SIGTERM", 2), ("SIGHUP", 1)])
def test_a_run_that_is_stopped_says_how_to_resume_and_does(tmp_path, name, times):
    long = {"distill.steps": 60, "distill.steps_per_call": 1, "checkpoint_seconds": 0.0}
    root = tmp_path / "my results"
    experiment = tmp_path / "two.py"
    experiment.write_text(
        "from dd_jax import config\n"
        "from dd_jax.config.sweep import product\n"
        "get_config = config.default\n"
        "def sweep(): return product({'distill.lr': [0.5, 1.0]})\n"
    )
    given = [f"--config={experiment}", *flags(BARE | MLP | long), f"--workdir={root}"]
    process = start("-W", "ignore", ROOT / "launch.py", *given)
    end = time.monotonic() + 300
    while not list(root.glob("runs/*/checkpoints/distil/*/2*.json")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    for _ in range(times):
        process.send_signal(getattr(signal, name))
        time.sleep(0.02)
    out, err = process.communicate()
    assert process.returncode == 128 + getattr(signal, name)
    command = err.strip().removeprefix("interrupted; to resume, run again: ")
    assert command == shlex.join(
        [sys.executable, "-W", "ignore", str(ROOT / "launch.py"), *given]
    )
    (folder,) = (root / "runs").iterdir()  # the second cell was not begun
    assert workdir.read_status(folder) == {"status": "running", "error": "interrupted"}
    assert not list(root.rglob("*.tmp")) and not list(root.rglob("*.lock"))
    done = start(*shlex.split(command)[1:])
    out, err = done.communicate()
    assert done.returncode == 0, err
    assert "distill: resumes at step " in out and " of 60\n" in out
    for folder in (root / "runs").iterdir():
        rows = workdir.read_jsonl(folder / "metrics.jsonl")
        assert [row["step"] for row in rows] == [*range(1, 61)]


def test_a_signal_waits_for_what_must_not_be_cut_short():
    code = (
        "import os, signal\n"
        "from dd_jax.system import interruption\n"
        "interruption.install()\n"
        "try:\n"
        "    with interruption.held():\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        print('whole', flush=True)\n"
        "    print('not reached')\n"
        "except interruption.Interrupted as stop:\n"
        "    print(stop, interruption.status(stop))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "whole\nSIGTERM 143\n" and done.stderr == ""
