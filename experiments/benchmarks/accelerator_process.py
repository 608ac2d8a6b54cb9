"""One worker of `accelerator.py`: asked once, in a process of its own."""

import json
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
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise TooLong(f"took longer than {limit:.0f} s") from None
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    said = [line for line in done.stderr.splitlines() if line.strip()]
    why = next((line for line in said if "RESOURCE_EXHAUSTED" in line), None)
    ended = f"status {done.returncode}" + (
        f": {(why or said[-1])[:300]}" if said else ""
    )
    raise Failed(ended)
