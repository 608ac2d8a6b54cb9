"""Seconds, share of peak and memory of the hot programs on a GPU or TPU, in minutes.

  python experiments/benchmarks/accelerator.py [--minutes=9] [--out=FILE]
      [--programs=dm,mtt] [--data=cifar10] [--precisions=tf32] [--sides=dd_jax,eager]

A step of DM, DSA, MTT, IDC and FRePo, an epoch of an expert, an epoch of 20 networks, a
joint step of 64 shadows, PGD-20 and APGD-100 on 1,000 images, at the shapes of CIFAR-10
and Fashion-MNIST, width 128, 10 and 1 images a class, in tf32, bfloat16 and float32, as
far as the device has them; random images. Beside them PyTorch on the same card, eager
and by `torch.compile`, channels first or last, where it is installed (`dsa` at 1 image
a class only). The most telling rows come first.

Each row is a process of its own: one that fails, or finds too little memory, costs one
row. No row starts that is expected to end after --minutes, and none runs longer. Rows
are appended to FILE with the ending .rows; the same command again, on the same device
and commit, goes on from there, past rows that failed: one is measured again once its
line is deleted. FILE is the Record of all of them.

Columns: seconds to trace and compile (PyTorch: of the first step), seconds per step,
TFLOP/s of convolutions and matrix products, counted from their shapes, their share of
the device's peak in its data sheet and in a measured product of 8192 x 8192, and the
peak of memory. DSA's step at 10 images a class holds the mean of a network's life.

Exit status: 0 done, though rows may hold errors; 1 JAX does not start; 2 bad usage, or
no GPU or TPU here (--allow_cpu measures tiny shapes on CPU).
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from accelerator_process import Failed, TooLong, ask
from accelerator_rows import (
    DATA,
    OURS,
    PRECISIONS,
    PROGRAMS,
    SIDES,
    Row,
    guess,
    pace,
    rows,
    size_of,
    torch_case,
)
from accelerator_table import HEAD, line
from choices import several_of
from peaks import known_peak

from dd_jax.system import workdir
from dd_jax.types import InputError

_SECONDS = 1.0  # least time of a round
_PROBE = 120.0  # of the device, at most


def measure(row: Row, limit: float, tiny: bool) -> dict:
    """One row's numbers, by a worker."""
    size = size_of(row, tiny)
    shared = {"precision": row.precision, "seconds": 0.01 if tiny else _SECONDS}
    if row.side == OURS:
        return ask("ours", limit, program=row.program, size=size, **shared)
    case, shapes, steps = torch_case(row, size)
    own = {"case": case, "variant": row.side, "steps": steps}
    return ask("theirs", limit, size=shapes, **own, **shared)


def shares(row: Row, found: dict, flops: int | None, about: dict) -> dict:
    """TFLOP/s and their shares of both peaks, as far as these are known."""
    if flops is None or "seconds_per_step" not in found:
        return {}
    reached = 1e-12 * flops / found["seconds_per_step"]
    sheet = known_peak(about["device"], row.precision)
    return {
        "tflops": reached,
        "share_of_peak": sheet and reached / sheet,
        "share_of_matmul": reached / about["matmul_tflops"][row.precision],
    }


def run_rows(
    todo: Sequence[Row],
    kept: list[dict],
    measured: Callable[[Row, float], dict],
    keep: Callable[[Row, dict], None],
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
) -> list[Row]:
    """Measures rows in order, each that is expected to end in time.

    Args:
      todo: what is wanted.
      kept: rows that are there already, which are skipped.
      measured: `(row, limit in seconds) -> numbers`.
      keep: gets each row and its numbers, or `{"error": text}`.
      deadline: on `clock`, in seconds.
      clock: seconds.

    Returns:
      The rows that there was no time for.
    """
    there = {Row(*(row[field] for field in Row._fields)) for row in kept}
    done: list[tuple[Row, float]] = []
    left: list[Row] = []
    for row in todo:
        if row in there:
            continue
        begin = clock()
        if begin + pace(done) * guess(row) > deadline:
            left.append(row)
            continue
        try:
            found = measured(row, deadline - begin)
        except TooLong:  # of what was left: a later command has more
            left.append(row)
            continue
        except Failed as failure:
            found = {"error": str(failure)}
        done.append((row, clock() - begin))
        keep(row, found)
    return left


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flag = parser.add_argument
    flag("--minutes", type=float, default=9.0, help="of the whole command; default 9")
    choices = {
        "programs": PROGRAMS,
        "data": DATA,
        "precisions": PRECISIONS,
        "sides": SIDES,
    }
    for name, known in choices.items():
        words = f"comma-separated, of {', '.join(known)}; default all"
        flag(f"--{name}", type=several_of(known), default=list(known), help=words)
    file = Path("runs_out/accelerator.json")
    flag("--out", type=Path, default=file, help=f"the Record; default {file}")
    flag("--allow_cpu", action="store_true", help="tiny shapes, for a test")
    options = parser.parse_args(argv)
    for name, known in choices.items():  # the most telling first
        setattr(options, name, [n for n in known if n in getattr(options, name)])
    if not options.minutes > 0:
        parser.error("--minutes must be above 0")
    return options


class Refused(Exception):
    """There is nothing to measure on; says what to do, in a line."""


def probe(tiny: bool) -> dict:
    """What there is: the device, its measured peaks, PyTorch.

    Raises:
      Failed: JAX does not start.
      Refused: there is only a CPU, and shapes are not tiny.
    """
    about = ask("device", _PROBE, full=not tiny)
    if about["platform"] == "cpu" and not tiny:
        raise Refused(
            "no GPU or TPU here, JAX finds only a CPU; install jax[cuda13] or "
            "jax[tpu], or give --allow_cpu for tiny shapes"
        )
    return about | ask("torch_here", _PROBE)


class Log:
    """The rows of this device and commit, kept as they come."""

    def __init__(self, out: Path, about: dict, shapes: dict):
        found = workdir.provenance()
        self._about, self._out, self._lines = about, out, out.with_suffix(".rows")
        self._origin = {"device": about["device"], "commit": found["commit"]}
        ours = lambda row: self._origin.items() <= row.items()
        self.rows = list(filter(ours, workdir.read_jsonl(self._lines)))
        self._record = {"benchmark": "accelerator", **found, **about}
        self._record |= {"shapes": shapes, "rows": self.rows}
        workdir.write_json(self._out, self._record)

    def keep(self, row: Row, found: dict) -> None:
        """Writes and prints one row; PyTorch's work counts as ours of the same row."""
        same = row._replace(side=OURS)._asdict().items()
        peers = [r["flops"] for r in self.rows if same <= r.items() and "flops" in r]
        flops = found.get("flops", peers[0] if peers else None)
        rates = shares(row, found, flops, self._about)
        self.rows.append(row._asdict() | self._origin | found | rates)
        workdir.append_jsonl(self._lines, self.rows[-1])
        workdir.write_json(self._out, self._record)
        print(line(self.rows[-1]), flush=True)


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    options = _arguments(argv)
    deadline = time.monotonic() + 60 * options.minutes
    tiny = options.allow_cpu
    try:
        about = probe(tiny)
        data, precisions = options.data, options.precisions
        sizes = [Row(one, ipc, "", "", "") for one in data for ipc in (10, 1)]
        shapes = {f"{s.data}_{s.ipc}": size_of(s, tiny)._asdict() for s in sizes}
        log = Log(options.out, about, shapes)
    except Failed as failure:
        print("error: JAX does not start:", failure, file=sys.stderr)
        return 1
    except (Refused, InputError, OSError) as error:
        print("error:", error, file=sys.stderr)
        return 2
    able = [name for name in precisions if name in about["matmul_tflops"]]
    beside = "torch" in about and (about["cuda"] or tiny)
    sides = options.sides if beside else [s for s in options.sides if s == OURS]
    print(about["device"], f"torch {about['torch']}" if beside else "without PyTorch")
    print("\n".join([HEAD, *map(line, log.rows)]))
    todo = rows(options.programs, data, able, sides)
    measured = lambda row, limit: measure(row, limit, tiny)
    left = run_rows(todo, log.rows, measured, log.keep, deadline)
    if left:
        print(f"no time for {len(left)} rows; the same command again goes on")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
