"""`python -m dd_jax.report WORKDIR`: rebuild tables and report from what is on disk."""

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from dd_jax import report
from dd_jax.report import finished, markdown, records, trends
from dd_jax.report.names import presentable
from dd_jax.system.paths import IS_FILE, expanded, in_words, no_folder
from dd_jax.types import InputError, Record


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    0: made, though damaged files may have been left out and named on stderr. 2: bad
    input, or no Record that can be read.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # names may hold what it cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        prog="python -m dd_jax.report",
        description="Rebuild results.jsonl and report.html of a work directory.",
    )
    parser.add_argument(
        "path", type=expanded, metavar="WORKDIR", help="as launch.py wrote"
    )
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="print a Markdown table instead; WORKDIR may then be a results.jsonl",
    )
    parser.add_argument(
        "--privacy",
        action="store_true",
        help="print Markdown tables of membership by threat and training data instead; "
        "WORKDIR likewise",
    )
    parser.add_argument(
        "--transfer",
        action="store_true",
        help="print Markdown tables of transfer instead; WORKDIR likewise",
    )
    parser.add_argument(
        "--trends",
        type=expanded,
        metavar="DIR",
        help="write the trend plots of a sweep there as SVG instead; WORKDIR likewise",
    )
    arguments = parser.parse_args(argv)
    try:
        why = no_folder(arguments.path)
        if why not in ("", IS_FILE):
            raise InputError(f"{arguments.path}: {why}; give a work directory")
        printed = {
            markdown.table: arguments.markdown,
            markdown.privacy: arguments.privacy,
            markdown.transfer: arguments.transfer,
        }
        if not (any(printed.values()) or arguments.trends):
            if not why and not os.access(arguments.path, os.W_OK):
                raise InputError(
                    f"{arguments.path}: is read-only, and the report is written there; "
                    "copy it to a folder that is not"
                )
            print(report.build(arguments.path))
            return 0
        found = _read(arguments.path)
        for table, asked in printed.items():
            if asked:
                print(table(trends.ordered(found)), end="")
        if arguments.trends:
            for path in trends.write(found, arguments.trends):
                print(path)
    except InputError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    except OSError as error:
        print("error:", in_words(error), file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> list[Record]:
    """The Records of a work directory or a file, texts in them safe to show."""
    if path.is_dir():
        runs = list(finished.each(path))
        found = [run.record for run in runs if run.record]
        damaged = [line for run in runs for line in run.damaged]
    else:
        found, damaged = records.readable_lines(path)
    if damaged and not found:
        raise InputError(damaged[0])
    report.tell(damaged)
    return presentable(found)


if __name__ == "__main__":
    sys.exit(main())
