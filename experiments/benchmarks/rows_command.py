"""The command line of a benchmark with committed rows: measure, or print a table."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

Rows = list[dict]


def committed(file: Path) -> Rows:
    """The rows of a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def run(
    words: str | None,
    file: Path,
    measured: Callable[[], Iterable[dict]],
    table: Callable[[Rows], str],
) -> None:
    """Writes the rows that are measured, or with `--table` prints those of the file."""
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--table", action="store_true", help="print the table")
    if parser.parse_args().table:
        print(table(committed(file)))
        return
    file.write_text("".join(json.dumps(row) + "\n" for row in measured()))
