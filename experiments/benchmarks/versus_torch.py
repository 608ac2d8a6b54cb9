"""Seconds per step of dd_jax and of PyTorch, side by side.

  pip install -e '.[bench]'
  python experiments/benchmarks/versus_torch.py [--cases=dm,train] [--sizes=small,w128]
      [--jax_python=PYTHON] [--torch_python=PYTHON] [--rounds=9] [--out=FILE]

Each side is a process of its own, in the Python environment that its flag names, on
all cores that this process may use. They take turns, so that what else the machine
does hits both: in each round every side takes the same number of steps, and the first
to go changes from round to round. Printed and written to FILE: median seconds per step
of each side and the median of the rounds' ratios ours / PyTorch, each with an interval
that covers the true median in at least 95 % of the cases (from 6 rounds on; it assumes
nothing of the distribution). A first, untimed step leaves out compilation.

Wants an idle machine: where others use the cores, PyTorch's threads wait for one
another, which flatters our side. On one core nothing waits, and the ratio stays fair
on a shared machine: `taskset -c 0 python experiments/benchmarks/versus_torch.py`. FILE
holds the number of threads and the load average of the minute before.

Each side may have its own Python, since their wheels may not come for the same one:
  --jax_python=env313/bin/python --torch_python=env311/bin/python

Exit status: 0 done, 1 a side failed, 2 bad usage.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sizes import CASES, SIZES

from dd_jax.system import workdir

HERE = Path(__file__).parent


class Failed(Exception):
    """A worker did not answer as it should."""


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
            raise Failed(f"{self.script.name} ended, status {self.process.wait()}")
        return json.loads(line)

    def seconds(self, case: str, size: str, steps: int) -> float | None:
        """Time of `steps` steps of one case; None where this side lacks it."""
        request = {"case": case, "size": size, "steps": steps}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise Failed(f"{self.script.name}: {size} {case}: {answer['error']}")
        return answer.get("seconds")

    def close(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def median_interval(values: Sequence[float], level: float = 0.95) -> dict:
    """Median and its interval between order statistics.

    The k-th smallest and the k-th largest of n values hold the median between them with
    probability `1 - 2 P(Binomial(n, 1/2) < k)`; k is the largest that keeps `level`, or
    1, whose coverage is lower for n below 6.

    Args:
      values: one for each round.
      level: least coverage.

    >>> median_interval([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    {'median': 3.5, 'low': 1.0, 'high': 6.0}
    """
    ordered = sorted(values)
    n, k, below = len(ordered), 0, 0.0
    while k < (n + 1) // 2 and 2 * (below + math.comb(n, k) / 2**n) <= 1 - level:
        below += math.comb(n, k) / 2**n
        k += 1
    k = max(k, 1)
    median = float(np.median(ordered))
    return {"median": median, "low": ordered[k - 1], "high": ordered[n - k]}


def compare(
    sides: Sequence, case: str, size: str, rounds: int, seconds: float
) -> dict | None:
    """Times one case on both sides in turn.

    Args:
      sides: ours and PyTorch, each with a `seconds(case, size, steps)`.
      case: one of `CASES`.
      size: a key of `SIZES`.
      rounds: how many times each side runs.
      seconds: least time of one run, which sets the number of steps.

    Returns:
      `{steps, rounds, ours, torch, ratio}`, the last three from `median_interval`; None
      where a side lacks the case.
    """
    warm = [side.seconds(case, size, 1) for side in sides]
    if None in warm:
        return None
    once = max(side.seconds(case, size, 1) for side in sides)
    steps = max(1, math.ceil(seconds / once))
    times: list[list[float]] = [[], []]
    for turn in range(rounds):
        for i in (0, 1) if turn % 2 else (1, 0):
            times[i].append(sides[i].seconds(case, size, steps) / steps)
    ratios = [ours / theirs for ours, theirs in zip(*times)]
    rows = zip(("ours", "torch", "ratio"), (*times, ratios))
    return {"steps": steps, "rounds": rounds} | {
        name: median_interval(values) for name, values in rows
    }


def line(size: str, case: str, found: dict | None) -> str:
    """One row of the table."""
    if found is None:
        return f"{size:6} {case:6} not on both sides"
    cells = [
        f"{found[name]['median']:9.4f} [{found[name]['low']:.4f}, "
        f"{found[name]['high']:.4f}]"
        for name in ("ours", "torch")
    ]
    r = found["ratio"]
    ratio = f"{r['median']:6.2f} [{r['low']:.2f}, {r['high']:.2f}]"
    return f"{size:6} {case:6} {cells[0]:27} {cells[1]:27} {ratio}"


def _list(known: Sequence[str]):
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"unknown {unknown[0]!r}; known: {', '.join(known)}"
            )
        return names

    return parse


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flag = parser.add_argument
    python = "interpreter of {}; default the one that runs this"
    known = "comma-separated, of {}; default all"
    flag("--jax_python", default=sys.executable, help=python.format("our side"))
    flag("--torch_python", default=sys.executable, help=python.format("PyTorch's side"))
    names = known.format(", ".join(CASES))
    flag("--cases", type=_list(CASES), default=list(CASES), help=names)
    names = known.format(", ".join(SIZES))
    flag("--sizes", type=_list(list(SIZES)), default=list(SIZES), help=names)
    flag("--rounds", type=int, default=9, help="runs of each side; default 9")
    flag("--seconds", type=float, default=5.0, help="least time of one run; default 5")
    file = Path("runs_out/versus_torch.json")
    flag("--out", type=Path, default=file, help=f"the record; default {file}")
    options = parser.parse_args(argv)
    if options.rounds < 1 or not options.seconds > 0:
        parser.error("--rounds and --seconds must be above 0")
    return options


def main(argv: Sequence[str]) -> int:
    """Runs one command line and returns the exit status."""
    options = _arguments(argv)
    sides: list[Worker] = []
    try:
        sides.append(Worker(options.jax_python, HERE / "jax_worker.py"))
        sides.append(Worker(options.torch_python, HERE / "torch_worker.py"))
        record = {
            "benchmark": "versus_torch",
            **workdir.provenance(),
            "machine": platform.machine(),
            "load_average": os.getloadavg()[0],
            "ours": sides[0].about,
            "torch": sides[1].about,
            "shapes": {size: SIZES[size]._asdict() for size in options.sizes},
            "seconds_per_step": {size: {} for size in options.sizes},
        }
        print("seconds per step, median [interval]; ratio below 1: ours is faster")
        print(f"{'size':6} {'case':6} {'ours':27} {'PyTorch':27} ratio")
        for size in options.sizes:
            for case in options.cases:
                found = compare(sides, case, size, options.rounds, options.seconds)
                print(line(size, case, found), flush=True)
                record["seconds_per_step"][size][case] = found
                workdir.write_json(options.out, record)
    except Failed as error:
        print("error:", error, file=sys.stderr)
        return 1
    finally:
        for side in sides:
            side.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
