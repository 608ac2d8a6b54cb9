"""A worker: a process that runs the cells that it is sent and answers how each ended.

A line sent is `{"number": 3, "id": RUN_ID}`, a line answered an `End` as JSON. What a
worker prints goes to its standard error. It stops at the end of its input, so after the
present cell where its launcher was killed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from dd_jax.executors.cells import End, Request, failed
from dd_jax.system.one_line import error_line
from dd_jax.system.progress import say


def sent(number: int, run_id: str) -> str:
    r"""The line that has a worker run a cell.

    >>> sent(3, "a1b2c3d4e5f6")
    '{"number": 3, "id": "a1b2c3d4e5f6"}\n'
    """
    return json.dumps({"number": number, "id": run_id}) + "\n"


def answered(line: str) -> End:
    """The end that a worker answered.

    Raises:
      ValueError: no whole line, as of a worker that was killed.
    """
    if not line.endswith("\n"):
        raise ValueError("no whole line")
    return End(**json.loads(line))


def work(
    request: Request,
    prepared: Callable[[Any], Any],
    attempt: Callable[[Any, Path], End],
) -> None:
    """Runs the cells that standard input names, until it ends.

    Args:
      request: the cells of the sweep, as the launcher has them.
      prepared: checks a config and gives its cell.
      attempt: runs a cell.
    """
    for line in sys.stdin:
        wanted = json.loads(line)
        end = _run(request, wanted["number"], wanted["id"], prepared, attempt)
        try:
            print(json.dumps(end._asdict()), file=kept_output(), flush=True)
        except BrokenPipeError:  # the launcher was killed
            return


@cache
def kept_output() -> TextIO:
    """Standard output, kept for answers: what is printed goes to standard error.

    First called before anything is imported that may print, as a config file.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    return open(kept, "w")


def _run(request: Request, number: int, run_id: str, prepared, attempt) -> End:
    try:
        say(request.labels[number])
        cell = prepared(request.cells[number])
    except Exception as error:
        return failed(error_line(error))
    if cell.id != run_id:
        return failed(
            "the config file or the data changed since the start of the sweep; start "
            "it again"
        )
    return attempt(cell, request.root)


def start(command: list[str], log: Path, env: dict[str, str]) -> subprocess.Popen:
    """Starts a worker, whose messages are added to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as messages:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            env=env,
        )
