"""Where a step of gradient matching spends its time, at 10 images a class.

  python experiments/benchmarks/inner_loops.py           # rows
  python experiments/benchmarks/inner_loops.py --table   # the table, in Markdown

The recipes of fashion_mnist_methods for DC, DSA, IDC-I and IDC, on Fashion-MNIST. What
a part takes is what a step takes longer with twice as much of it: training of the
network between two updates (its epochs or steps), and real images (their batch:
drawing, augmentation, gradients). The rest is mostly gradients of synthetic images,
which are derived again. The three programs of a method take turns, and the least of
each counts. The steps are the first ones of a network. 20 minutes on two slow CPU
cores.
"""

import math
import runpy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import rows_command
from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.distill import real_data
from dd_jax.run.context import build_context
from dd_jax.run.methods import method_of
from dd_jax.system import workdir

RECIPES = runpy.run_path(str(Path(__file__).parents[1] / "fashion_mnist_methods.py"))
FILE = Path(__file__).parents[1] / "results" / "inner_loops.rows"
METHODS, IPC, TURNS = ("dc", "dsa", "idc_i", "idc"), 10, 8
NETWORK = {
    **dict.fromkeys(("dc", "dsa"), "distill.network.epochs"),
    **dict.fromkeys(("idc_i", "idc"), "distill.network.steps"),
}
PARTS = {"network": "training of the network", "real": "real images"}


def recipe(name: str) -> ConfigDict:
    """The config of a cell."""
    cell = {"distill.method": name, "distill.ipc": IPC}
    (point,) = (p for p in RECIPES["sweep"]() if p.items() >= cell.items())
    return config.override(RECIPES["get_config"](), point, "inner_loops")


def stepper(made: ConfigDict) -> Callable[[], float]:
    """Compiles the first step of a run; what it returns takes it, in seconds."""
    run = build_context(made)
    method, rows = method_of(run, made.distill.method), run.dataset.train
    real = real_data(rows.images, rows.labels)
    key = jax.random.key(0)
    state = method.init(key, real)

    @jax.jit
    def step(key, state, real):
        sample_key, update_key = jax.random.split(key)
        return method.update(update_key, state, method.sample(sample_key, real))

    def seconds() -> float:
        began = time.perf_counter()
        jax.block_until_ready(step(key, state, real))
        return time.perf_counter() - began

    seconds()
    return seconds


def of_method(name: str) -> dict[str, Any]:
    """A row: seconds of a step, and of each of its parts."""
    made = recipe(name)
    keys = {"network": NETWORK[name], "real": "distill.batch_real"}
    own = {key: config.flat(made)[key] for key in keys.values()}
    steps = {"step": stepper(made)}
    for part, key in keys.items():
        steps[part] = stepper(config.override(made, {key: 2 * own[key]}, part))
    least = dict.fromkeys(steps, math.inf)
    for _ in range(TURNS):
        for part, seconds in steps.items():
            least[part] = min(least[part], seconds())
    parts = {part: least[part] - least["step"] for part in PARTS}
    return {"method": name, "ipc": IPC, "step_seconds": least["step"]} | parts | own


def measured() -> Iterator[dict[str, Any]]:
    """The rows, each with the machine and the commit."""
    where = {"device": jax.devices()[0].device_kind, **workdir.provenance()}
    for name in METHODS:
        yield of_method(name) | where


def table(rows: list[dict[str, Any]]) -> str:
    """Shares of a step."""
    heads = ("method", "seconds a step", *PARTS.values(), "the rest")
    lines = [heads, ("---",) * len(heads)]
    for row in rows:
        shares = [row[part] / row["step_seconds"] for part in PARTS]
        cells = (f"{100 * share:.0f} %" for share in (*shares, 1 - sum(shares)))
        lines.append((row["method"], f"{row['step_seconds']:.2f}", *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
