"""Memory and hours of large settings on 8 to 256 TPU chips, by formulas; none was run.

  python experiments/benchmarks/pod_hours.py --trace    # count operations: a minute
  python experiments/benchmarks/pod_hours.py            # the table, in Markdown

What is known: operations of each program at each shape, counted from its trace (`FILE`,
made by `--trace`); bytes that a chip moves, holds and exchanges, of the programs that
`tpu_compile.py` compiled at Fashion-MNIST's shapes for 1, 4 and 256 chips; data sheets.
`dd_jax/runtime/README.md` has the table, the formulas and what they assume.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from peaks import known_peak
from program_sizes import SIZES, Size

from dd_jax.system import workdir

RESULTS = Path(__file__).parents[1] / "results"
FILE, COMPILED = RESULTS / "pod_hours.rows", RESULTS / "tpu_compile.rows"
BASE, CHIP = "fashion_mnist", "v5e"
SHAPES = ("cifar100", "tiny_imagenet")
CHIPS = (8, 32, 128, 256)


class Chip(NamedTuple):
    """A TPU v5e by its data sheet, in units of 1, and how much of it is reached.

    Attributes:
      flops: products and sums in bfloat16 a second.
      memory: bytes a second to and from its memory.
      links: bytes a second to other chips.
      reached: share of these three that programs reach; assumed.
      latency: seconds that a collective takes at least; assumed.
      passes: of bfloat16 in a product of float32.
    """

    flops: float = 1e12 * (known_peak("tpu v5e", "bfloat16") or 0)
    memory: float = 819e9
    links: float = 200e9
    reached: float = 0.5
    latency: float = 20e-6
    passes: int = 6


class Stage(NamedTuple):
    """What one program does of a setting.

    Attributes:
      label: in the table; `{}` holds an attribute of its `Size`.
      program: of `hot_programs.py`.
      calls: of it, by the schedules of `cifar10_published` at 10 images a class.
      by_class: whether chips share classes, of which each takes one after another.
      sends_images: whether they exchange what is as large as the synthetic set.
      models: how many there are; each is whole on a chip where chips are fewer than
        two for each.
    """

    label: str
    program: str
    calls: int
    by_class: bool = False
    sends_images: bool = True
    models: int = 1


STAGES = (
    Stage("DM, 20,000 steps", "dm", 20_000),
    Stage("{shadows} joint shadows of DM, 20,000 steps", "shadows", 20_000),
    Stage("DSA, 10,000 steps", "dsa", 10_000, by_class=True),
    Stage("IDC, 200,000 steps", "idc", 200_000, by_class=True),
    Stage("100 experts of 50 epochs", "expert_epoch", 50, False, False, models=100),
    Stage("MTT, 5,000 steps", "mtt", 5_000, sends_images=False),
)


class Known(NamedTuple):
    """A program at one shape on one number of chips.

    Attributes:
      flops: of all chips in one call.
      share: of them that one chip has.
      moved: bytes to and from the memory of a chip.
      sent: bytes that a chip exchanges.
      collectives: in which it does.
      held: bytes of the memory of a chip.
    """

    flops: float
    share: float
    moved: float
    sent: float
    collectives: float
    held: float


def seconds(known: Known, chip: Chip) -> float:
    """Of one call: `max(F s P / f, B / m) / r + C / (l r) + N t`.

    F operations of all chips, s the share of one, P passes, f operations a second; B
    bytes at m a second, C at l; r the share that is reached; N collectives of t.

    >>> chip = Chip(1e12, 1e12, 1e12, 0.5, 0.0, 1)
    >>> seconds(Known(4e12, 0.25, 1e12, 5e11, 9, 0), chip)
    3.0
    """
    work = known.flops * known.share * chip.passes / chip.flops
    inside = max(work, known.moved / chip.memory) / chip.reached
    return (
        inside
        + known.sent / chip.links / chip.reached
        + known.collectives * (chip.latency)
    )


def share_of_classes(chips: int, classes: int) -> float:
    """The part of the classes that the busiest chip has.

    >>> share_of_classes(4, 10), share_of_classes(256, 10)
    (0.3, 0.1)
    """
    return math.ceil(classes / chips) / classes


def between(chips: int, at: Mapping[int, float]) -> float:
    """A quantity by number of chips, on a straight line of a log-log scale.

    The line goes through the two known numbers around it, or the last two; what is none
    on one chip has no such line from there.

    >>> [round(between(n, {1: 8.0, 16: 2.0}), 6) for n in (4, 64)]
    [4.0, 1.0]
    >>> between(64, {1: 0.0, 4: 3.0}), between(1, {1: 0.0, 4: 3.0})
    (3.0, 0.0)
    """
    known = sorted(n for n in at if at[n] > 0)
    if chips in at or len(known) < 2:
        return at[chips] if chips in at else at[known[-1]]
    low = max((n for n in known[:-1] if n < chips), default=known[0])
    high = known[known.index(low) + 1]
    part = math.log(chips / low) / math.log(high / low)
    return at[low] ** (1 - part) * at[high] ** part


def estimate(
    stage: Stage, shape: str, chips: int, compiled: Iterable[dict], traced: dict
) -> Known:
    """A program at a shape that was not compiled, from its rows at `BASE`.

    Bytes moved and held grow with the operations, as both follow from images and their
    pixels; those exchanged with the pixels of the synthetic set where they are its
    gradients, else with the operations. Arguments are as large as they are.
    """
    rows = {r["chips"]: r for r in compiled if _is_base(r, stage.program)}
    size, base = SIZES[shape], SIZES[BASE]
    work = traced[stage.program, shape]["flops"]
    grown = work / rows[1]["flops"]
    sent = _pixels(size) / _pixels(base) if stage.sends_images else grown
    of = lambda value: between(chips, {n: value(r) for n, r in rows.items()})
    kinds = lambda name: lambda r: sum(c[name] for c in r["collectives"].values())
    moved, held = of(lambda r: r["bytes"]), of(_beside_arguments)
    share = 1 / chips
    if stage.by_class:
        share = share_of_classes(chips, size.classes)
        moved = share * rows[1]["bytes"]
        held = _beside_arguments(rows[1]) * base.classes / size.classes
    arguments = traced[stage.program, shape]["arguments"]
    return Known(
        work,
        share,
        moved * grown,
        of(kinds("bytes")) * sent,
        of(kinds("count")),
        held * grown + arguments,
    )


def _is_base(row: dict, program: str) -> bool:
    wanted = row["program"], row["shape"], row["topology"].split(":")[0]
    return wanted == (program, BASE, CHIP)


def _beside_arguments(row: dict) -> float:
    return row["memory"]["total"] - row["memory"]["arguments"]


def _pixels(size: Size) -> int:
    return size.classes * size.ipc * math.prod(size.image)


def table(compiled: list[dict], traced: dict, chip: Chip) -> str:
    """Hours of each stage by number of chips, and memory of a chip, in Markdown."""
    head = ["setting", "stage", "PFLOP a call"]
    head += [f"hours on {n}" for n in CHIPS] + [f"GB a chip, of {n}" for n in CHIPS[:2]]
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    for shape in SHAPES:
        for stage in STAGES:
            spread = [_spread(stage, n) for n in CHIPS]
            known = [estimate(stage, shape, n, compiled, traced) for n, _ in spread]
            calls = [stage.calls * turns for _, turns in spread]
            hours = [n * seconds(k, chip) / 3600 for n, k in zip(calls, known)]
            label = stage.label.format(**SIZES[shape]._asdict())
            cells = [_name(shape), label, f"{known[0].flops / 1e15:.3f}"]
            cells += [_round(hour) for hour in hours]
            lines.append(cells + [f"{one.held / 1e9:.1f}" for one in known[:2]])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _spread(stage: Stage, chips: int) -> tuple[int, int]:
    """The chips of a model, and how many models follow one another on them."""
    if 2 * stage.models <= chips:
        return chips, stage.models
    return 1, math.ceil(stage.models / chips)


def _name(shape: str) -> str:
    size = SIZES[shape]
    h, w, _ = size.image
    data = {"cifar100": "CIFAR-100", "tiny_imagenet": "ImageNet"}[shape]
    return f"{data}, {h}x{w}, {size.classes} classes"


def _round(hours: float) -> str:
    """Two digits.

    >>> _round(0.0123), _round(3.21), _round(123.4)
    ('0.012', '3.2', '120')
    """
    return f"{float(f'{hours:.2g}'):g}"


def trace() -> list[dict]:
    """Operations and arguments of every program at every shape."""
    import jax
    from flops import flops
    from hot_programs import programs

    from dd_jax.runtime.platform import made_for

    rows = []
    for shape in SHAPES:
        found = programs(SIZES[shape])
        for program in dict.fromkeys(stage.program for stage in STAGES):
            one = found[program]
            shapes = jax.eval_shape(one.arguments, jax.random.key(0))
            with made_for("tpu"):
                count = flops(one.run, *shapes, turns=one.turns)
            size = sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(shapes))
            rows.append({"program": program, "shape": shape, "flops": count})
            rows[-1]["arguments"] = size
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def committed() -> tuple[list[dict], dict]:
    """The rows that the table is made from."""
    traced = {(r["program"], r["shape"]): r for r in workdir.read_jsonl(FILE)}
    return workdir.read_jsonl(COMPILED), traced


def main() -> None:
    """Runs one command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = "count the operations again"
    parser.add_argument("--trace", action="store_true", help=words)
    if parser.parse_args().trace:
        workdir.write_jsonl(FILE, trace())
    print(table(*committed(), Chip()))


if __name__ == "__main__":
    main()
