"""Seconds per cell of a sweep: one by one, in one process, and as one program.

  python experiments/benchmarks/shared_cells.py [--rounds=1] [--out=FILE]

Eight cells of DSA on digits, 2 seeds x 4 learning rates, audited for accuracy and
fairness, are run by `launch.py` in three ways that take turns:

- one by one: a process for each cell, as jobs of a cluster run it;
- one process: one cell after another, with the compiled programs and baselines that
  they share;
- together: the same over two CPU devices, the steps of two cells as one program
  (`--together=2`); their results lie within rounding of those of one device.

Programs are not cached on disk. Printed are the seconds of each way for a cell, the
least of all rounds, and their ratios to the first; FILE gets them as JSON.
Time: 12 minutes a round on two CPU cores.
Rows: experiments/results/shared_cells.rows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS, RATES = (0, 1), (0.05, 0.1, 0.2, 0.4)
SWEEP = f"""
from dd_jax import config
from dd_jax.config.sweep import product

BASE = {{
    "distill.method": "dsa",
    "distill.ipc": 10,
    "distill.steps": 50,
    "model.width": 32,
    "train.epochs": 100,
    "train.nets": 2,
    "train.full_nets": 1,
    "audits.privacy.enabled": False,
    "audits.robustness.enabled": False,
    "audits.memorisation.enabled": False,
}}


def get_config():
    return config.override(config.default(), BASE, __name__)


def sweep():
    return product({{"seed": {SEEDS}, "distill.lr": {RATES}}})
"""


def launched(folder: Path, *flags: str, devices: int = 1) -> float:
    """Seconds of one command line."""
    env = os.environ | {
        "JAX_ENABLE_COMPILATION_CACHE": "false",
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_PLATFORMS": "cpu",
    }
    sweep = folder.parent / "sweep.py"
    sweep.write_text(SWEEP)
    command = [sys.executable, str(ROOT / "launch.py"), f"--config={sweep}"]
    began = time.perf_counter()
    subprocess.run(
        [*command, f"--workdir={folder}", *flags],
        check=True,
        env=env,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - began


def one_by_one(folder: Path) -> float:
    """Every cell in a process and a folder of its own."""
    return sum(
        launched(
            folder / f"{seed}_{rate}",
            f"--config.seed={seed}",
            f"--config.distill.lr={rate}",
        )
        for seed in SEEDS
        for rate in RATES
    )


WAYS = {
    "one by one": one_by_one,
    "one process": lambda folder: launched(folder / "sweep", "--together=1"),
    "together": lambda folder: launched(
        folder / "sweep", "--together=2", "--config.devices=2", devices=2
    ),
}


def main() -> None:
    """Runs all ways in turn and prints their times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=1, help="default: 1")
    parser.add_argument("--out", type=Path, help="file of the times; default: none")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be above 0")
    cells = len(SEEDS) * len(RATES)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, run in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds[way].append(round(run(Path(folder)) / cells, 1))
            print(f"{way}: {seconds[way][-1]} s a cell", file=sys.stderr)
    first = min(seconds["one by one"])
    print("| way | s a cell | share of one by one |\n| --- | ---: | ---: |")
    for way, found in seconds.items():
        print(f"| {way} | {min(found):.1f} | {min(found) / first:.2f} |")
    if options.out:
        options.out.write_text(json.dumps({"cells": cells, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
