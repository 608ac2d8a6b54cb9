"""Memory and hours of large settings on 4 to 256 TPU chips; none was run.

  python experiments/benchmarks/pod_hours.py            # the table, in Markdown

What is known: operations of each program, and bytes that a chip moves, holds and
exchanges, as `tpu_compile.py` compiled it at this shape for 1, 4 and 256 chips; data
sheets. Between 4 and 256 chips lie formulas. `dd_jax/runtime/README.md` has the table,
the formulas and what they assume.
"""

import argparse
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from peaks import known_peak
from program_sizes import SIZES

from dd_jax.system import workdir

COMPILED = Path(__file__).parents[1] / "results" / "tpu_compile.rows"
GENERATION = "v5e"
SHAPES = ("cifar100", "tiny_imagenet")
CHIPS = (4, 8, 32, 128, 256)
CHIPS_COMPILED = (4, 256)


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
      models: how many there are; each is whole on a chip where chips are fewer than
        two for each.
    """

    label: str
    program: str
    calls: int
    by_class: bool = False
    models: int = 1


STAGES = (
    Stage("DM, 20,000 steps", "dm", 20_000),
    Stage("{shadows} joint shadows of DM, 20,000 steps", "shadows", 20_000),
    Stage("DSA, 10,000 steps", "dsa", 10_000, by_class=True),
    Stage("IDC, 200,000 steps", "idc", 200_000, by_class=True),
    Stage("100 experts of 50 epochs", "expert_epoch", 50, models=100),
    Stage("MTT, 5,000 steps", "mtt", 5_000),
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


def parts(chips: int, classes: int) -> float:
    """In how many such parts the work is cut as the busiest chip has, by classes.

    >>> parts(4, 10), parts(256, 10)
    (3.3333333333333335, 10.0)
    """
    return classes / math.ceil(classes / chips)


def between(place: float, at: Mapping[float, float]) -> float:
    """What is known at a place, or lies on a straight line of a log-log scale.

    The line goes through what is known at the two places around it.

    >>> [round(between(n, {1: 0.0, 4: 8.0, 64: 2.0}), 6) for n in (1, 16, 64)]
    [0.0, 4.0, 2.0]
    """
    if place in at:
        return at[place]
    low, high = max(n for n in at if n < place), min(n for n in at if n > place)
    part = math.log(place / low) / math.log(high / low)
    return at[low] ** (1 - part) * at[high] ** part


def estimate(stage: Stage, shape: str, chips: int, compiled: Iterable[dict]) -> Known:
    """A program at a shape: as its row says, or between the rows around it.

    Where chips share classes, it lies between by the parts that these are cut in.
    """
    classes = SIZES[shape].classes
    place = lambda n: parts(n, classes) if stage.by_class else n
    rows = {place(r["chips"]): r for r in compiled if _is_of(r, stage.program, shape)}
    at = lambda value: between(place(chips), {n: value(r) for n, r in rows.items()})
    kinds = lambda name: lambda r: sum(c[name] for c in r["collectives"].values())
    return Known(
        flops=at(lambda r: r["flops"]),
        share=1 / place(chips),
        moved=at(lambda r: r["bytes"]),
        sent=at(kinds("bytes")),
        collectives=at(kinds("count")),
        held=at(lambda r: r["memory"]["total"]),
    )


def _is_of(row: dict, program: str, shape: str) -> bool:
    wanted = row["program"], row["shape"], row["topology"].split(":")[0]
    return wanted == (program, shape, GENERATION)


def table(compiled: list[dict], chip: Chip) -> str:
    """Hours of each stage by number of chips, and memory of a chip, in Markdown."""
    head = ["setting", "stage", "PFLOP a call"]
    head += [f"hours on {n}" for n in CHIPS]
    head += [f"GB a chip, of {n}" for n in CHIPS_COMPILED]
    lines = [head, ["---"] * 2 + ["---:"] * (len(head) - 2)]
    for shape in SHAPES:
        for stage in STAGES:
            spread = [_spread(stage, n) for n in CHIPS]
            known = [estimate(stage, shape, n, compiled) for n, _ in spread]
            calls = [stage.calls * turns for _, turns in spread]
            hours = [n * seconds(k, chip) / 3600 for n, k in zip(calls, known)]
            label = stage.label.format(**SIZES[shape]._asdict())
            cells = [_name(shape), label, f"{known[0].flops / 1e15:.3f}"]
            cells += [_round(hour) for hour in hours]
            held = dict(zip(CHIPS, (one.held for one in known)))
            lines.append(cells + [f"{held[n] / 1e9:.1f}" for n in CHIPS_COMPILED])
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


def committed() -> list[dict]:
    """The rows that the table is made from."""
    return workdir.read_jsonl(COMPILED)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    print(table(committed(), Chip()))


if __name__ == "__main__":
    main()
