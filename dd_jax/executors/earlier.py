"""Time and memory of a sweep, estimated from the Records of earlier runs."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.sharing import PARTS
from dd_jax.executors.groups import Shares
from dd_jax.report import records
from dd_jax.system.progress import duration
from dd_jax.types import InputError, Record

_ONCE = {  # stages that cells may share
    f"{part}_seconds": part
    for part in (*PARTS, "teacher", "shadow_experts", "shadow_teacher")
}
_NAMED = ("method", "dataset", "arch")
_SHADOWS = (
    "shadow_experts_seconds",
    "shadow_teacher_seconds",
    "shadow_releases_seconds",
    "shadow_distill_seconds",
    "shadows_seconds",
    "random_subset_shadows_seconds",
    "full_data_shadows_seconds",
    "dp_sgd_shadows_seconds",
)


class Estimate(NamedTuple):
    """What some cells take.

    Attributes:
      seconds: one cell after another; what cells share is counted once.
      peak_bytes: of the cell that needs most.
      rests_on: ids of the Records that it follows from.
      devices: those that the Records are of.
      without: number of cells that no Record resembles, which are left out.
    """

    seconds: float
    peak_bytes: int
    rests_on: set[str]
    devices: set[str]
    without: int


def read(workdir: Path, results: Path) -> list[Record]:
    """The Records that tell costs: of a work directory and of a folder of results.

    Files that cannot be read, compressed ones that are damaged among them, are left
    out.
    """
    ends = ("*.jsonl", "*.jsonl.gz")
    files = [workdir / "results.jsonl", *(f for e in ends for f in results.glob(e))]
    found: list[Record] = []
    for file in sorted(filter(Path.is_file, files)):
        with suppress(InputError, OSError):
            found += records.readable_lines(file)[0]
    return [r for r in found if records.lookup(r, "cost", "train_seconds") is not None]


class Earlier:
    """Finds, for a cell, the Records of the runs that resemble it most."""

    def __init__(self, found: Iterable[Record], device: str):
        """Takes Records that have a `cost`, and the device preferred, if any."""
        self._device = device
        self._by_name: dict[tuple, list[Record]] = {}
        for record in found:
            name = tuple(record["run"].get(key) for key in _NAMED)
            self._by_name.setdefault(name, []).append(record)
        self._near = cache(self._nearest)

    def resembling(self, config: ConfigDict) -> list[Record]:
        """Those of its method, data set and architecture that are nearest in size.

        Sizes are images a class, classes and width. Of Records as near, those whose
        configs differ in the fewest keys.
        """
        distill, model = config.distill, config.model
        name = ("loaded" if distill.load else distill.method, config.data.source)
        size = (distill.ipc, config.data.num_classes, model.width)
        near = self._near((*name, model.name), size)
        if len(near) < 2:
            return near
        changed = configs.changed_in_json(config)
        differ = [_differences(changed, r["run"].get("config", {})) for r in near]
        return [r for r, count in zip(near, differ) if count == min(differ)]

    def _nearest(self, name: tuple, size: tuple[int, int, int]) -> list[Record]:
        same = self._by_name.get(name, [])
        same = [r for r in same if _device(r) == self._device] or same
        ipc, classes, width = size
        classes = classes or max((r["run"]["num_classes"] for r in same), default=0)

        def distance(run: dict) -> float:
            found = (run["ipc"], run["num_classes"], run.get("width"))
            pairs = zip(found, (ipc, classes, width))
            return round(sum(abs(math.log(a / b)) for a, b in pairs if a and b), 6)

        distances = [distance(record["run"]) for record in same]
        return [r for r, d in zip(same, distances) if d == min(distances)]


def _device(record: Record) -> str:
    return record["run"].get("device", "an unknown device")


def _differences(a: dict, b: dict) -> int:
    keys = {*a, *b} - {"seed", "distill.ipc", "data.num_classes"}
    return sum(a.get(key) != b.get(key) for key in keys)


def estimate(
    cells: Sequence[ConfigDict],
    shared: Sequence[Shares],
    found: Iterable[Record],
    device: str,
) -> Estimate:
    """What cells take, by the Records that resemble each most.

    Distillation counts by its steps, and what cells share once. Records from before
    shadows of baselines were counted apart have them in `shadows_seconds`, which counts
    for each cell, and experts of shadows in `experts_seconds`.

    Args:
      cells: configs of those that are still to be run.
      shared: what each of them shares.
      found: Records that have a `cost`.
      device: the kind whose Records are taken where there are some; empty for any.
    """
    earlier = Earlier(found, device)
    once: dict[str, dict[str, float]] = {}  # id of a part -> Record -> seconds
    seconds, peak, without = 0.0, 0, 0
    rests_on, devices = set(), set()
    for config, own in zip(cells, shared):
        near = earlier.resembling(config)
        without += not near
        rests_on |= {record["run"]["id"] for record in near}
        devices |= {_device(record) for record in near}
        for record in near:
            peak = max(peak, record["cost"].get("peak_bytes") or 0)
            for stage, spent in _stages(config, record["cost"]).items():
                if part := own.parts.get(_ONCE.get(stage, "")):
                    once.setdefault(part, {})[record["run"]["id"]] = spent
                else:
                    seconds += spent / len(near)
    seconds += sum(fmean(of_each.values()) for of_each in once.values())
    return Estimate(seconds, peak, rests_on, devices, without)


def _stages(config: ConfigDict, cost: dict) -> dict[str, float]:
    """Seconds of a cell by stage, as a Record's cost has them."""
    spent = {
        stage: value
        for stage, value in cost.items()
        if stage.endswith("_seconds") and stage != "compile_seconds" and value
    }
    if not config.audits.privacy.enabled:
        spent = {stage: spent[stage] for stage in spent if stage not in _SHADOWS}
    if not config.dp.sgd.epochs:
        spent = {s: value for s, value in spent.items() if not s.startswith("dp_sgd")}
    if cost.get("steps_per_second"):
        steps = config.distill.steps * config.sets
        spent["distill_seconds"] = steps / cost["steps_per_second"]
    return spent


def described(found: Estimate, cells: int) -> str:
    """An estimate as a line.

    Args:
      found: the estimate.
      cells: how many it is of.

    >>> described(Estimate(7200.0, 4 * 10**9, {"a", "b"}, {"cpu"}, 1), 10)[:56]
    'estimate: 2.0 h one after another, at most 4.0 GB, by 2 '
    """
    if found.without == cells:
        why = "no Record is of the same method, data set and architecture"
        return f"estimate: no estimate; {why}"
    count = len(found.rests_on)
    line = (
        f"estimate: {duration(found.seconds)} one after another, at most "
        f"{found.peak_bytes / 1e9:.1f} GB, by {count} Record{'s' * (count > 1)} of the "
        "same method, data set and architecture, nearest in size, on "
        f"{', '.join(sorted(found.devices))}"
    )
    if found.without:
        line += f"; no estimate for {found.without} of {cells} cells"
    return line
