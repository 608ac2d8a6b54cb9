"""Where a loop writes a row for each of its calls."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from dd_jax.system import workdir

Row = dict[str, Any]


class Log(Protocol):
    """Takes the rows of a loop, which may go on from fewer rows than it had."""

    def start(self, rows: Sequence[Row]) -> None:
        """Hold these rows and no others."""

    def add(self, row: Row) -> None:
        """Hold one more row."""


class JsonLines:
    """A file of JSON lines."""

    def __init__(self, path: str | Path):
        self._path = path

    def start(self, rows: Sequence[Row]) -> None:
        """Make the file hold these rows and no others."""
        workdir.write_jsonl(self._path, rows)

    def add(self, row: Row) -> None:
        """Add one line."""
        workdir.append_jsonl(self._path, row)


class Logs:
    """Several logs of the same rows."""

    def __init__(self, *logs: Log):
        self._logs = logs

    def start(self, rows: Sequence[Row]) -> None:
        """Start each with these rows."""
        for log in self._logs:
            log.start(rows)

    def add(self, row: Row) -> None:
        """Add the row to each."""
        for log in self._logs:
            log.add(row)
