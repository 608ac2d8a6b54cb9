"""One worker of `accelerator.py`, which answers one request in its own process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).with_name("accelerator_worker.py")


class Failed(Exception):
    """A process ended without an answer; says why in a line."""


class TooLong(Failed):
    """It ran past its limit."""


def ask(kind: str, limit: float, **arguments) -> dict:
    """The answer of a worker.

    Raises:
      Failed: it ended without one.
      TooLong: it ran past `limit` seconds.
    """
    request = json.dumps({"kind": kind, "arguments": arguments})
    command = [sys.executable, str(WORKER), request]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        try:
            out, errors = process.communicate(timeout=limit)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)  # and the compilers that it started
            if isinstance(error, subprocess.TimeoutExpired):
                raise TooLong(f"took longer than {limit:.0f} s") from None
            raise
    if process.returncode == 0:
        return json.loads(out.splitlines()[-1])
    said = [line for line in errors.splitlines() if line.strip()]
    words = [line for line in said if "RESOURCE_EXHAUSTED" in line] or said[-1:]
    raise Failed(": ".join([f"status {process.returncode}", *words[:1]])[:300])
