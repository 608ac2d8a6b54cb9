"""Command lines of the launcher that are started as several processes."""

import os
import socket
import subprocess
import sys
import time

from tiny import ROOT

from dd_jax.system import workdir


def free_ports(count):
    """Numbers of ports that nothing listens to."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(arguments, root, count=2, devices=2, command=(), **env):
    """Starts processes, each with virtual devices; the first works in `root`."""
    places = [[], [f"--config.devices={devices}"]][devices > 1]
    given = [sys.executable, ROOT / "launch.py", *arguments, *places]
    (port,) = free_ports(1)
    found = os.environ | env
    found |= {"JAX_NUM_CPU_DEVICES": str(devices), "PYTHONPATH": str(ROOT)}
    meet = [
        "--distributed=on",
        f"--distributed_coordinator=127.0.0.1:{port}",
        f"--distributed_processes={count}",
    ]
    return [
        subprocess.Popen(
            [*given, f"--workdir={root}", *meet, f"--distributed_process={i}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=found,
        )
        for i in range(count)
    ]


def ended(processes, seconds=240):
    """Exit statuses and what each process said, but for what gloo says."""
    out = [process.communicate(timeout=seconds)[0] for process in processes]
    lines = [[x for x in o.splitlines() if "[Gloo]" not in x] for o in out]
    return [process.returncode for process in processes], lines


def wait_for_state(root, processes, seconds=120):
    """The first run of a work directory, once it has saved a state."""
    end = time.monotonic() + seconds
    while True:
        for seal in root.glob("runs/*/checkpoints/distil/*/[1-9]*.json"):
            return seal.parents[3]
        assert all(p.poll() is None for p in processes), ended(processes)
        assert time.monotonic() < end
        time.sleep(0.05)


def statuses(root):
    """Those of the runs of a work directory."""
    return sorted(workdir.read_status(r)["status"] for r in (root / "runs").iterdir())
