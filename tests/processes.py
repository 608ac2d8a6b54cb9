"""Command lines of the launcher that are started as several processes."""

import os
import socket
import subprocess
import sys
import time

import jax
import pytest
from tiny import ROOT

from dd_jax.runtime.hosts import JAXLIB_ON_CPU
from dd_jax.system import workdir

NEEDS_COLLECTIVES = pytest.mark.skipif(
    jax.__version_info__ < JAXLIB_ON_CPU, reason="its collectives can wait for ever"
)


def free_ports(count):
    """Numbers of ports that nothing listens to."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(arguments, root, more=((), ()), devices=2, **env):
    """Starts processes, each with virtual devices and with arguments of its own."""
    places = [[], [f"--config.devices={devices}"]][devices > 1]
    given = [sys.executable, ROOT / "launch.py", *arguments, *places]
    count = len(more)
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
            [*given, *own, f"--workdir={root}", *meet, f"--distributed_process={i}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=found,
        )
        for i, own in enumerate(more)
    ]


def ended(processes, seconds=240):
    """Exit statuses and what each process said, but for what gloo says."""
    out = [process.communicate(timeout=seconds)[0] for process in processes]
    lines = [[x for x in o.splitlines() if "[Gloo]" not in x] for o in out]
    return [process.returncode for process in processes], lines


def wait_for_state(root, processes, seals, seconds=120):
    """Waits until a state is saved whose seal a pattern finds in a work directory."""
    end = time.monotonic() + seconds
    while True:
        if any(root.glob(seals)):
            return
        assert all(p.poll() is None for p in processes), ended(processes)
        assert time.monotonic() < end
        time.sleep(0.05)


def statuses(root):
    """Those of the runs of a work directory."""
    return sorted(workdir.read_status(r)["status"] for r in (root / "runs").iterdir())
