"""Hot programs compiled for TPUs, without a TPU.

  pip install -e '.[tpu]'                                  # Python 3.12 or later
  python experiments/benchmarks/tpu_compile.py [--only=dm,mtt] [--shapes=cifar10]
      [--topologies=v5e:1x1,v5p:2x2x1] [--out=FILE] [--table]

Each program of `hot_programs.py` is lowered and compiled for the chips of each
topology, one after another, and gives one row of FILE (JSON lines) as soon as it is
done. A row that is there already and fits, of the same program and the same compiler,
is not made again, so that a command that was stopped goes on. Printed is the table of
FILE in Markdown; `--table` prints it and compiles nothing.

On several chips one network is shared by `over_devices`, and `nets` are spread over the
chips, with copies of the last where the chips do not divide them.
Of attacks each chip takes images of its own, so that the row of one chip stands for
all.

- memory: of one chip, arguments, temporaries, results and code, and its share of what
  the chip has.
- pieces: in how many times smaller pieces batches are taken, and in how many turns
  networks trained, to fit, as in runs.
- TFLOP: of all chips in one call, counted from the trace: products and convolutions,
  2 a multiply-add, loops by their lengths.
- GB: read from and written to the memory of one chip, counted from the compiled
  program, loops by their lengths.
- transfers: collectives between chips, by kind with count and bytes a chip.
- seconds: of compilation, of the clock and of all processors together.

Exit status: 0 done, 1 a program does not compile or does not fit, 2 bad usage.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")  # TPUs of this host are left alone

import jax  # noqa: E402
from choices import several, several_of  # noqa: E402
from compiled_row import digest, fits, lowered, measured_in_pieces  # noqa: E402
from hot_programs import Program, programs  # noqa: E402
from program_sizes import SIZES, Size  # noqa: E402
from tpu_topology import chips, compiler_versions, require_compiler  # noqa: E402

from dd_jax.system import workdir  # noqa: E402
from dd_jax.types import InputError  # noqa: E402

FILE = Path(__file__).parents[1] / "results" / "tpu_compile.rows"
TOPOLOGIES = ("v5e:1x1", "v5e:2x2", "v5e:16x16", "v6e:1x1", "v6e:2x2", "v6e:16x16")
NAMES = tuple(programs(SIZES["cifar10"]))
ON_ONE_CHIP = ("pgd", "apgd")  # of attacks chips take images of their own
KEY = ("program", "shape", "topology")
COLUMNS = {  # and how each is set
    "program": "---",
    "shape": "---",
    "topology": "---",
    "memory, GB": "---:",
    "of the chip": "---:",
    "pieces": "---:",
    "TFLOP": "---:",
    "GB": "---:",
    "transfers": "---",
    "seconds": "---:",
    "of processors": "---:",
}


def rows_of(file: Path) -> list[dict]:
    """The rows of a file; none where there is no file.

    Raises:
      InputError: it cannot be read, or a line is no row of this benchmark.
    """
    try:
        rows = workdir.read_jsonl(file)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    for number, row in enumerate(rows, 1):
        if (
            not isinstance(row, dict)
            or not {*KEY, "digest", "versions", "memory"} <= row.keys()
        ):
            raise InputError(f"{file}: line {number} is no row of this benchmark")
    return rows


def with_row(rows: Iterable[dict], new: dict) -> list[dict]:
    """Rows in the order of the table, a new one in place of the one that it renews."""
    same = lambda row: all(row[key] == new[key] for key in KEY)
    order = lambda row: (
        list(SIZES).index(row["shape"]),
        row["topology"],
        NAMES.index(row["program"]),
    )
    return sorted([row for row in rows if not same(row)] + [new], key=order)


def table(rows: Iterable[dict]) -> str:
    """The rows in Markdown, and under them the versions that they were compiled by."""
    rows = list(rows)
    lines = [_line(cells) for cells in (COLUMNS, COLUMNS.values(), *map(_cells, rows))]
    makers = [" ".join(pair) for row in rows for pair in row["versions"].items()]
    return "\n".join([*lines, "", f"Compiled by {', '.join(dict.fromkeys(makers))}."])


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: dict) -> list[str]:
    memory, blank = row["memory"], [""] * 2
    cells = [row[key] for key in KEY]
    if "total" in memory:
        share = memory["total"] / memory["chip"]
        blank = [f"{memory['total'] / 1e9:.2f}", f"{100 * share:.0f} %"]
    cells += [*blank, str(row.get("pieces", 1))]
    if "error" in row:
        return [*cells, "", "", row["error"][:60], "", ""]
    moved = [
        f"{found['count']} {kind}, {found['bytes'] / 1e6:.1f} MB"
        for kind, found in row["collectives"].items()
    ]
    cells += [f"{row['flops'] / 1e12:.3f}", f"{row['bytes'] / 1e9:.1f}"]
    cells += ["; ".join(moved) or "none", f"{row['compile_seconds']:.0f}"]
    return [*cells, f"{row['compile_processor_seconds']:.0f}"]


def _program(name: str, size: Size, pieces: int) -> Program:
    return programs(size, pieces)[name]


def compile_all(options: argparse.Namespace) -> None:
    """Makes the rows that are missing."""
    versions = compiler_versions()
    places = {name: chips(name) for name in options.topologies}
    rows = rows_of(options.out)
    for shape, topology in itertools.product(options.shapes, places):
        devices, size = places[topology], SIZES[shape]
        filled = -(-size.nets // len(devices)) * len(devices)
        size = size._replace(nets=filled)
        for name in options.only:
            if name in ON_ONE_CHIP and len(devices) > 1:
                continue
            program = partial(_program, name, size)
            made = lowered(program(1), devices)
            row = dict(zip(KEY, (name, shape, topology))) | {"chips": len(devices)}
            row |= {"digest": digest(made), "versions": versions}
            if any(row.items() <= old.items() and fits(old) for old in rows):
                continue
            row |= measured_in_pieces(program, made, devices)
            rows = with_row(rows, row)
            workdir.write_jsonl(options.out, rows)
            print(_line(_cells(row)), file=sys.stderr, flush=True)
            jax.clear_caches()


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flag = parser.add_argument
    known = "comma-separated, of {}; default all"
    names = known.format(", ".join(NAMES))
    flag("--only", type=several_of(NAMES), default=list(NAMES), help=names)
    names = known.format(", ".join(SIZES))
    flag("--shapes", type=several_of(list(SIZES)), default=list(SIZES), help=names)
    names = f"comma-separated, as libtpu knows them; default {','.join(TOPOLOGIES)}"
    flag("--topologies", type=several, default=list(TOPOLOGIES), help=names)
    flag("--out", type=Path, default=FILE, help=f"the rows; default {FILE}")
    flag("--table", action="store_true", help="print the table, compile nothing")
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    options = _arguments(argv)
    try:
        if not options.table:
            require_compiler()
            compile_all(options)
        if not (rows := rows_of(options.out)):
            raise InputError(f"{options.out}: no rows; run without --table")
    except InputError as error:
        print("error:", error, file=sys.stderr)
        return 2
    print(table(rows))
    return 0 if all(map(fits, rows)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
