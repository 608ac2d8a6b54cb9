"""What a compiled program does, read from its text: loops and transfers."""

import math
import re
from typing import NamedTuple

_NAME = r"%?([\w.\-]+)"
_HEADER = re.compile(rf"^(?:ENTRY )?{_NAME} \(.*\{{$")
_INSTRUCTION = re.compile(rf"^\s+(?:ROOT )?{_NAME} = (.*)$")
_ARRAY = re.compile(r"\b([a-z]+[0-9]*)\[([0-9,]*)\](\{[^}]*\})?")  # type, sides, layout
_CALLED = re.compile(rf"(?:calls|to_apply|body|condition)={_NAME}")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
COLLECTIVES = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
)
HOST = ("infeed", "outfeed", "send", "recv")


class Instruction(NamedTuple):
    """One line of a computation.

    Attributes:
      name: unique in its computation.
      result: its shape, as text.
      opcode: what it does.
      operands: names; of a constant its value, of a parameter its place.
      rest: the other attributes, as text.
    """

    name: str
    result: str
    opcode: str
    operands: tuple[str, ...]
    rest: str

    @property
    def called(self) -> list[str]:
        """Names of the computations that it calls."""
        found = _CALLED.findall(self.rest)
        for names in _BRANCHES.findall(self.rest):
            found += [name.strip().lstrip("%") for name in names.split(",")]
        return found


class Loop(NamedTuple):
    """A loop whose body, or what that calls, convolves.

    Attributes:
      name: of the operation in the traced program.
      trips: how often the body runs, None where that is not known.
    """

    name: str
    trips: int | None


Computations = dict[str, list[Instruction]]


def read(text: str) -> tuple[str, Computations]:
    """The name of the entry and the instructions of every computation."""
    found, entry, name = {}, "", ""
    for line in text.splitlines():
        if header := _HEADER.match(line):
            name = header[1]
            found[name] = []
            entry = name if line.startswith("ENTRY") else entry
        elif name and (match := _INSTRUCTION.match(line)):
            found[name].append(_instruction(*match.groups()))
    return entry, found


def _instruction(name: str, text: str) -> Instruction:
    end = _closing(text, 0) if text.startswith("(") else text.index(" ") - 1
    result, text = text[: end + 1], text[end + 2 :]
    opcode, _, _ = text.partition("(")
    end = _closing(text, len(opcode))
    operands = re.findall(r"%([\w.\-]+)", text[len(opcode) : end])
    literal = opcode in ("constant", "parameter")
    inside = (text[len(opcode) + 1 : end],) if literal else ()
    return Instruction(name, result, opcode, (*operands, *inside), text[end + 1 :])


def _closing(text: str, start: int) -> int:
    """Place of the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"no closing bracket: {text}")


def trip_count(computations: Computations, loop: Instruction) -> int | None:
    """How often a `while` runs that counts up to a constant; else None."""
    condition = re.search(rf"condition={_NAME}", loop.rest)
    instructions = {i.name: i for i in computations[condition[1]]}
    compared = [i for i in instructions.values() if i.opcode == "compare"]
    if len(compared) != 1 or "direction=LT" not in compared[0].rest:
        return None
    last = instructions.get(compared[0].operands[-1])
    return int(last.operands[0]) if last and last.opcode == "constant" else None


def executions(entry: str, computations: Computations, turns: int) -> dict[str, int]:
    """How often each computation runs in one call; loops of unknown length `turns`.

    Every branch of a conditional counts.
    """
    times = dict.fromkeys(computations, 0)

    def visit(name: str, count: int) -> None:
        times[name] += count
        for instruction in computations[name]:
            inner = count
            if instruction.opcode == "while":
                trips = trip_count(computations, instruction)
                inner *= turns if trips is None else trips
            for called in instruction.called:
                visit(called, inner)

    visit(entry, 1)
    return times


def convolving_loops(entry: str, computations: Computations) -> list[Loop]:
    """Loops whose bodies convolve, outer ones first."""
    found: list[Loop] = []

    def convolves(name: str) -> bool:
        here = False
        for instruction in computations[name]:
            at = len(found)
            inside = any([convolves(called) for called in instruction.called])
            if inside and instruction.opcode == "while":
                traced = re.search(r'op_name="([^"]*)"', instruction.rest)
                trips = trip_count(computations, instruction)
                found.insert(at, Loop(traced[1] if traced else "", trips))
            here |= inside or instruction.opcode == "convolution"
        return here

    convolves(entry)
    return found


def collectives(
    entry: str, computations: Computations, turns: int
) -> dict[str, dict[str, int]]:
    """Transfers between chips in one call: `{kind: {count, bytes}}`, bytes a chip."""
    times, found = executions(entry, computations, turns), {}
    for name, instructions in computations.items():
        for instruction in instructions:
            kind = instruction.opcode.removesuffix("-start")
            if kind in COLLECTIVES and times[name]:
                row = found.setdefault(kind, {"count": 0, "bytes": 0})
                row["count"] += times[name]
                largest = max(size for size, _ in arrays(instruction.result))
                row["bytes"] += times[name] * largest
    return found


def host_transfers(computations: Computations) -> list[str]:
    """Instructions that wait for the host, by name."""
    every = (i for instructions in computations.values() for i in instructions)
    return [
        i.name
        for i in every
        if i.opcode.removesuffix("-done") in HOST or "callback" in i.rest.lower()
    ]


def arrays(shape: str) -> list[tuple[int, str]]:
    """Bytes and layout of each array of a shape.

    >>> arrays("(f32[2,3]{1,0:T(8,128)}, pred[])")
    [(24, '{1,0:T(8,128)}'), (1, '')]
    """
    found = []
    for kind, sides, layout in _ARRAY.findall(shape):
        bits = re.search(r"\d+$", kind)
        width = max(1, int(bits[0]) // 8) if bits else 1
        count = math.prod(int(side) for side in sides.split(",") if side)
        found.append((width * count, layout))
    return found
