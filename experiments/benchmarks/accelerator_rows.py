"""What `accelerator.py` measures, the most telling first, and how long each takes."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sizes
from program_sizes import SIZES, Size

OURS = "dd_jax"
PROGRAMS = (
    "dm",
    "mtt",
    "expert_epoch",
    "nets",
    "pgd",
    "dsa",
    "shadows",
    "idc",
    "frepo",
    "apgd",
)
DATA = ("cifar10", "fashion_mnist")
PRECISIONS = ("tf32", "bfloat16", "float32")
SIDES = (OURS, *sizes.VARIANTS)
_FOR_ANY_IPC = ("expert_epoch", "pgd", "apgd")
# PyTorch's case of a program, which is there for all images a class or for one.
_PEERS = {
    "dm": "dm",
    "mtt": "mtt",
    "expert_epoch": "train",
    "nets": "nets",
    "pgd": "pgd",
    "dsa": "dsa",
}
# Seconds of a row on an H100, process and compilation included, before any is measured.
_OURS = {"dsa": 75, "idc": 60, "frepo": 60, "mtt": 55, "shadows": 45, "dm": 35}
_COMPILED = {"mtt": 150, "dsa": 60}
_PRIOR = 60.0  # as many seconds of guesses count as met


class Row(NamedTuple):
    """One line of the table.

    Attributes:
      data: `cifar10` or `fashion_mnist`, whose shapes the random images have.
      ipc: images a class.
      precision: as in `dd_jax.runtime.precision`.
      program: of `hot_programs.programs`.
      side: `dd_jax`, or a variant of PyTorch.
    """

    data: str
    ipc: int
    precision: str
    program: str
    side: str


def rows(
    programs: Sequence[str],
    data: Sequence[str],
    precisions: Sequence[str],
    sides: Sequence[str],
) -> list[Row]:
    """All rows of some programs, data sets, precisions and sides, in order.

    First every program at CIFAR-10's shapes and 10 images a class in the first
    precision, beside eager and compiled PyTorch; then what changes one of these, then
    the rest.

    >>> [row.side for row in rows(["apgd"], ["cifar10"], ["tf32"], SIDES)]
    ['dd_jax']
    >>> found = rows(["dm"], DATA, PRECISIONS, SIDES)
    >>> found[0], len(found)
    (Row(data='cifar10', ipc=10, precision='tf32', program='dm', side='dd_jax'), 60)
    """
    found = [
        Row(one, ipc, precision, program, side)
        for one in data
        for ipc in (10, 1)
        for precision in precisions
        for program in programs
        for side in sides
        if side == OURS or (program in _PEERS and (program != "dsa" or ipc == 1))
        if ipc == 10 or program not in _FOR_ANY_IPC
    ]
    first = lambda row: (
        (row.data != data[0])
        + (row.ipc != 10 and row.program != "dsa")
        + (row.precision != precisions[0])
        + (row.side.endswith("channels_last"))
    )
    place = lambda row: (first(row), programs.index(row.program), sides.index(row.side))
    return sorted(found, key=place)


def guess(row: Row) -> float:
    """Seconds that a row takes, before any was measured."""
    if row.side == OURS:
        return _OURS.get(row.program, 25)
    return _COMPILED.get(row.program, 40) if "compile" in row.side else 20


def pace(done: Iterable[tuple[Row, float]]) -> float:
    """What measured rows took of what was guessed; 1 before any was measured.

    >>> pace([])
    1.0
    """
    done = list(done)
    spent = _PRIOR + sum(seconds for _, seconds in done)
    return spent / (_PRIOR + sum(guess(row) for row, _ in done))


def size_of(row: Row, tiny: bool = False) -> Size:
    """The shapes of a row; `tiny` ones for a test."""
    size = SIZES[row.data]
    if row.ipc == 1:  # MTT's published students
        size = size._replace(student_steps=50, max_start=2)
    size = size._replace(ipc=row.ipc)
    if not tiny:
        return size
    return size._replace(
        image=(12, 12, size.image[2]),
        rows=40,
        width=4,
        ipc=1,
        batch_real=4,
        batch_idc=4,
        batch_frepo=20,
        student_steps=2,
        max_start=2,
        experts=2,
        batch=8,
        nets=2,
        shadows=2,
        attacked=4,
        pgd_steps=2,
        apgd_steps=3,
    )


def torch_case(row: Row, size: Size) -> tuple[str, sizes.Size, int]:
    """PyTorch's case, its shapes, and how many of its steps are one of ours.

    An epoch of `nets` is one step on all synthetic images, if a batch holds them.
    """
    batch = min(size.batch, size.classes * size.ipc)
    epoch = row.program == "expert_epoch"
    steps = math.ceil(size.rows / size.batch) if epoch else 1
    shapes = sizes.Size(
        image=size.image,
        width=size.width,
        ipc=size.ipc,
        batch_real=size.batch_real,
        stored=size.rows // size.classes,
        student_steps=size.student_steps,
        batch=size.batch if epoch else batch,
        nets=size.nets,
        attacked=size.attacked,
        attack_steps=size.pgd_steps,
    )
    return _PEERS[row.program], shapes, steps
