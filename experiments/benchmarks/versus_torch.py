"""Seconds per step of dd_jax and of the fastest PyTorch, side by side.

  pip install -e '.[bench]'
  python experiments/benchmarks/versus_torch.py [--cases=dm,train] [--sizes=small,w128]
      [--variants=eager,compile] [--rounds=9] [--out=FILE]
      [--jax_python=PYTHON] [--torch_python=PYTHON]

Each side is a process of its own, in the Python environment that its flag names, on
all cores that this process may use. PyTorch runs in four variants: eager or with
`torch.compile`, channels first or last in memory; the one with the least median counts.
`torch.compile` needs a C++ compiler and, for a whole student of MTT, minutes.

All take turns, so that what else the machine does hits each: in each round every one
takes the same number of steps, and the first to go changes from round to round. Printed
and written to FILE: median seconds per step of both sides and the median of the rounds'
ratios ours / PyTorch, each with an interval that covers the true median in at least
95 % of the cases (from 6 rounds on; it assumes nothing of the distribution), and our
share of what the machine does in a matrix product: operations per second in the step's
convolutions and products, counted as plain ones, by those in a product of matrices of
2048 x 2048 on the faster side. A first, untimed step leaves out compilation.

Wants an idle machine: where others use the cores, PyTorch's threads wait for one
another, which flatters our side. On one core nothing waits, and the ratio stays fair
on a shared machine: `taskset -c 0 python experiments/benchmarks/versus_torch.py`. FILE
holds the number of threads and the load average of the minute before.

Each side may have its own Python, since their wheels may not come for the same one:
  --jax_python=env313/bin/python --torch_python=env311/bin/python

Exit status: 0 done, 1 a side failed, 2 bad usage.
"""

import argparse
import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from choices import program, several_of
from sides import Ended, Failed, Variant, Worker
from sizes import CASES, SIZES, VARIANTS

from dd_jax.system import workdir

HERE = Path(__file__).parent


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
    ours: Any, theirs: dict[str, Any], case: str, size: str, rounds: int, seconds: float
) -> dict | None:
    """Times one case on both sides in turn.

    Args:
      ours: has a `seconds(case, size, steps)`.
      theirs: the same for each variant of PyTorch. One that fails is left out, with a
        line on standard error.
      case: one of `CASES`.
      size: a key of `SIZES`.
      rounds: how many times each runs.
      seconds: least time of one run of the slowest, which sets the number of steps.

    Returns:
      `{steps, rounds, ours, torch, variant, ratio, variants}`: `variant` is the one of
      the least median, `torch` its seconds, `variants` those of all; seconds and ratio
      from `median_interval`. None where a side lacks the case.
    """
    first = ours.seconds(case, size, 1)
    warm = {name: _first(side, case, size) for name, side in theirs.items()}
    able = {"": ours} | {name: theirs[name] for name in warm if warm[name] is not None}
    if first is None or len(able) == 1:
        return None
    once = max(side.seconds(case, size, 1) for side in able.values())
    steps = max(1, math.ceil(seconds / once))
    times: dict[str, list[float]] = {name: [] for name in able}
    names = list(able)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(able[name].seconds(case, size, steps) / steps)
    mine = times.pop("")
    best = min(times, key=lambda name: np.median(times[name]))
    return {
        "steps": steps,
        "rounds": rounds,
        "ours": median_interval(mine),
        "torch": median_interval(times[best]),
        "variant": best,
        "ratio": median_interval([a / b for a, b in zip(mine, times[best])]),
        "variants": {name: median_interval(values) for name, values in times.items()},
    }


def _first(side: Any, case: str, size: str) -> float | None:
    """Seconds of a first step, compilation included; None where it fails."""
    try:
        return side.seconds(case, size, 1)
    except Ended:
        raise
    except Failed as failure:
        print("left out:", failure, file=sys.stderr)
        return None


def share(found: dict, flops: int | None, peak: float) -> dict:
    """What the step's operations per second are of a matrix product's.

    Args:
      found: of `compare`.
      flops: of one step.
      peak: TFLOP/s of a matrix product.
    """
    if flops is None:
        return {}
    tflops = 1e-12 * flops / found["ours"]["median"]
    return {"flops": flops, "share_of_matmul": tflops / peak}


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
    of_peak = found.get("share_of_matmul")
    peak = "     " if of_peak is None else f"{of_peak:5.0%}"
    return (
        f"{size:6} {case:6} {cells[0]:27} {peak}  {cells[1]:27} {found['variant']:21} "
        f"{ratio}"
    )


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flag = parser.add_argument
    python = "interpreter of {}; default the one that runs this"
    known = "comma-separated, of {}; default all"
    for side, words in (("jax", "our side"), ("torch", "PyTorch's side")):
        words = python.format(words)
        flag(f"--{side}_python", type=program, default=sys.executable, help=words)
    names = known.format(", ".join(CASES))
    flag("--cases", type=several_of(CASES), default=list(CASES), help=names)
    names = known.format(", ".join(SIZES))
    flag("--sizes", type=several_of(list(SIZES)), default=list(SIZES), help=names)
    names = known.format(", ".join(VARIANTS))
    flag(
        "--variants",
        type=several_of(list(VARIANTS)),
        default=list(VARIANTS),
        help=names,
    )
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
            "matmul_tflops": max(side.about["matmul_tflops"] for side in sides),
            "shapes": {size: SIZES[size]._asdict() for size in options.sizes},
            "seconds_per_step": {size: {} for size in options.sizes},
        }
        print("seconds per step, median [interval]; ratio below 1: ours is faster")
        print(
            f"{'size':6} {'case':6} {'ours':27} {'of peak':7}{'PyTorch':27} "
            f"{'its variant':21} ratio"
        )
        theirs = {name: Variant(sides[1], name) for name in options.variants}
        for size in options.sizes:
            for case in options.cases:
                found = compare(
                    sides[0], theirs, case, size, options.rounds, options.seconds
                )
                if found:
                    flops, peak = sides[0].flops(case, size), record["matmul_tflops"]
                    found |= share(found, flops, peak)
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
