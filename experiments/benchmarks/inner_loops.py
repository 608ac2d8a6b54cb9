"""Where a step of gradient matching spends its time, at 10 images a class.

  python experiments/benchmarks/inner_loops.py           # rows
  python experiments/benchmarks/inner_loops.py --table   # the table, in Markdown

The recipes of fashion_mnist_methods for DC, DSA, IDC-I and IDC, on Fashion-MNIST. A
part is training of the network between two updates (its epochs or steps), or real
images (their batch: drawing, augmentation, gradients). Its seconds are twice what a
step saves with half of it, and what a step takes longer with twice as much; they differ
where time does not grow in proportion, as of batches that leave the cache. The rest is
mostly gradients of synthetic images, which are derived again. The five programs of a
method take turns, and the least of each counts. The steps are the first ones of a
network. 15 minutes on two CPU cores.
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

from dd_jax import catalogue, config
from dd_jax.distill import real_data
from dd_jax.report.display_names import short_name
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
    amounts = {
        (part, times): {key: int(times * own[key])}
        for part, key in keys.items()
        for times in (0.5, 2)
    }
    amounts["step"] = {}
    steps = {of: stepper(config.override(made, to, name)) for of, to in amounts.items()}
    least = dict.fromkeys(steps, math.inf)
    for _ in range(TURNS):
        for of, seconds in steps.items():
            least[of] = min(least[of], seconds())
    step = least["step"]
    parts = {
        part: [2 * (step - least[part, 0.5]), least[part, 2] - step] for part in PARTS
    }
    return {"method": name, "ipc": IPC, "step_seconds": step} | parts | own


def measured() -> Iterator[dict[str, Any]]:
    """The rows, each with the machine and the commit."""
    where = {"device": jax.devices()[0].device_kind, **workdir.provenance()}
    for name in METHODS:
        yield of_method(name) | where


def table(rows: list[dict[str, Any]]) -> str:
    """Shares of a step, from half of a part to twice as much."""
    heads = ("method", "seconds a step", *PARTS.values())
    lines = [heads, ("---",) * len(heads)]
    for row in rows:
        step = row["step_seconds"]
        shares = ([100 * seconds / step for seconds in row[part]] for part in PARTS)
        cells = (f"{half:.0f} to {twice:.0f} %" for half, twice in shares)
        method = short_name(catalogue.label(row["method"], "method"))
        lines.append((method, f"{step:.2f}", *cells))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
