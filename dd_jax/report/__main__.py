"""`python -m dd_jax.report WORKDIR`: the report, or tables and plots, from Records."""

import argparse
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from dd_jax import report
from dd_jax.report import (
    compared_page,
    markdown,
    markdown_text,
    one_record,
    records,
    run_folder,
    table_files,
    trends,
)
from dd_jax.report.cards import card_files
from dd_jax.report.safe_text import presentable
from dd_jax.report.sweep_axes import ordered
from dd_jax.system import disk
from dd_jax.system.one_line import one_line
from dd_jax.system.paths import IS_FILE, describe_error, expanded, no_file, no_folder
from dd_jax.types import InputError, Record

_TABLES = {  # that are printed: flag -> kind, what is in them
    "markdown": ("runs", "a Markdown table with a row for each run"),
    "privacy": (
        "privacy",
        "Markdown tables of membership inference, by threat model and training data",
    ),
    "robustness": ("robustness", "Markdown tables of accuracy under attacks"),
    "transfer": ("transfer", "Markdown tables of transfer between networks"),
    "controls": ("controls", "a Markdown table of controls beside synthetic sets"),
    "backdoors": (
        "backdoors",
        "a Markdown table of how often the search for backdoors is wrong, counted on "
        "clean and poisoned sets",
    ),
    "matched": (
        "matched",
        "a Markdown table of the risks of sets with mitigations, beside plain sets of "
        "the same accuracy",
    ),
    "fair": (
        "fair",
        "a Markdown table of forms of fair distillation beside balanced batches, and "
        "whether they do better",
    ),
    "claims": (
        "claims",
        "Markdown tables of the claims of arXiv 2305.03355, tested on the Records",
    ),
}
NOT_WITH_COMPARE = *_TABLES, "trends", "form", "fill", "cards"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
      The exit status. 0: done, though damaged files may have been left out and named
      on stderr. 2: bad input, or no Record that can be read.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # names may hold what it cannot encode
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    try:
        _run(arguments)
    except InputError as error:
        print("error:", one_line(error), file=sys.stderr)
        return 2
    except OSError as error:
        print("error:", describe_error(error), file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dd_jax.report",
        description="Make results.jsonl and report.html of a work directory again; "
        "with options, print or write what they say instead.",
    )
    parser.add_argument(
        "path",
        type=expanded,
        nargs="?",
        metavar="WORKDIR",
        help="a work directory of launch.py; with an option, also a results.jsonl, or "
        "one that gzip compressed, results.jsonl.gz",
    )
    for flag, (_, what) in _TABLES.items():
        parser.add_argument(f"--{flag}", action="store_true", help=f"print {what}")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=expanded,
        metavar=("A", "B"),
        help="without WORKDIR, print Markdown of two runs side by side, "
        "or write a page to --export=FILE.html; each is the folder of a run, a "
        "record.json, or a work directory or results.jsonl with one run",
    )
    parser.add_argument(
        "--trends",
        type=expanded,
        metavar="DIR",
        help="write the plots of a sweep to DIR as SVG",
    )
    parser.add_argument(
        "--export",
        type=expanded,
        metavar="FILE",
        help="write the Records to FILE.csv or FILE.parquet, or tables of "
        "means over seeds to FILE.tex, for LaTeX",
    )
    parser.add_argument(
        "--cards",
        type=expanded,
        metavar="DIR",
        help="write model_card.json and data_card.json of one run to DIR; "
        "WORKDIR may also be the folder of a run or its record.json",
    )
    parser.add_argument(
        "--form",
        choices=tuple(table_files.FORMS),
        help="of the table of --export: wide, a row for each Record (default), or "
        "long, a row for each number of each Record, for plots",
    )
    parser.add_argument(
        "--fill",
        action="store_true",
        help="WORKDIR is a Markdown file: make the tables between its lines "
        f"'<!-- table: FILE {'|'.join(markdown_text.KINDS)} "
        "[KEY=VALUE ...] -->' and '<!-- end of table -->' again",
    )
    return parser


def _run(arguments: argparse.Namespace) -> None:
    path = arguments.path
    if arguments.compare:
        _compare(arguments)
        return
    if path is None:
        raise InputError("give a work directory, or two runs with --compare")
    if arguments.fill:
        _fill(path)
        return
    if arguments.export:
        table_files.check(arguments.export)
    if arguments.form and (arguments.export or path).suffix not in table_files.FORMED:
        raise InputError("--form is of --export=FILE.csv or .parquet")
    why = no_folder(path)
    if why not in ("", IS_FILE):
        why = no_file(path) if path.suffix else why
        raise InputError(f"{path}: {why}; give a work directory or a results.jsonl")
    if arguments.cards:
        for written in card_files.write(path, arguments.cards):
            print(written)
        return
    tables = [kind for flag, (kind, _) in _TABLES.items() if vars(arguments)[flag]]
    if not (tables or arguments.trends or arguments.export):
        if not why and not os.access(path, os.W_OK):
            raise InputError(
                f"{path}: is read-only, and the report is written there; copy it to a "
                "folder that is not"
            )
        print(report.build(path))
        return
    found = _read(path)
    for kind in tables:
        print(markdown_text.KINDS[kind](ordered(found)), end="")
    if arguments.trends:
        drawn = trends.write_svgs(found, arguments.trends)
        if not drawn:
            raise InputError(
                f"{path}: no plots; no run key varies among Records that agree in all "
                "other settings and have a number to plot"
            )
        print(*drawn, sep="\n")
    if arguments.export:
        table_files.write(found, arguments.export, arguments.form or "wide")
        print(arguments.export)


def _compare(arguments: argparse.Namespace) -> None:
    page, given = arguments.export, vars(arguments)
    unfit = ["WORKDIR"] if arguments.path else []
    unfit += [f"--{name}" for name in NOT_WITH_COMPARE if given[name]]
    if unfit:
        raise InputError(f"--compare=A B: need two runs alone, without {unfit[0]}")
    if page and page.suffix != ".html":
        raise InputError(f"--export={page}: with --compare, need a file name in .html")
    first, second = map(one_record.named, arguments.compare)
    if page is None:
        print(markdown.comparison(first, second), end="")
        return
    compared_page.write(first, second, page)
    print(page)


def _fill(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a Markdown file")
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8") from None
    newline = "\r\n" if 0 < text.count("\r\n") == text.count("\n") else "\n"
    real = path.resolve()
    found = markdown_text.filled(text.replace(newline, "\n"), real.parent)
    mode = real.stat().st_mode
    disk.replace(real, found.replace("\n", newline).encode())
    real.chmod(mode)


def _read(path: Path) -> list[Record]:
    """The Records of a work directory or a file, texts in them safe to show."""
    if path.is_dir():
        runs = list(run_folder.each(path))
        found = [run.record for run in runs if run.record]
        damaged = [line for run in runs for line in run.damaged]
    else:
        found, damaged = records.readable_lines(path)
    if not found:
        raise InputError(damaged[0] if damaged else f"{path}: has no Record in it")
    report.warn(damaged)
    return presentable(found)


if __name__ == "__main__":
    sys.exit(main())
