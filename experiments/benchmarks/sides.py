"""The two sides of `versus_torch.py`, each a process that times cases on request."""

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Failed(Exception):
    """A worker did not answer as it should."""


class Ended(Failed):
    """A worker is gone."""


class Worker:
    """One side: a process that runs cases on request."""

    def __init__(self, python: str, script: Path):
        self.script = script
        try:
            self.process = subprocess.Popen(
                [python, str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise Failed(f"{python}: {error.strerror}") from None
        self.about = self._read()

    def _read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise Ended(f"{self.script.name} ended, status {self.process.wait()}")
        return json.loads(line)

    def _ask(self, case: str, size: str, **what) -> dict:
        request = {"case": case, "size": size} | what
        with suppress(BrokenPipeError):  # reading says how it ended
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            name = f"{self.script.name}: {size} {case}"
            raise Failed(f"{name}: {answer['error'].splitlines()[0]}")
        return answer

    def seconds(self, case: str, size: str, steps: int) -> float | None:
        """Time of `steps` steps of one case; None where this side lacks it."""
        return self._ask(case, size, steps=steps).get("seconds")

    def flops(self, case: str, size: str) -> int | None:
        """Floating point operations of a step; None where this side does not count."""
        return self._ask(case, size, flops=True).get("flops")

    def close(self) -> None:
        """Ends the process."""
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()


class Variant(NamedTuple):
    """One way to run PyTorch, in the process that all of them share."""

    worker: Worker
    name: str

    def seconds(self, case: str, size: str, steps: int) -> float | None:
        """As of `Worker`."""
        return self.worker.seconds(f"{case}/{self.name}", size, steps)
