"""Bytes that a compiled program reads from and writes to the memory of its chip."""

import re

from compiled_text import Computations, Instruction, arrays, executions

_FAST = re.compile(r"S\([1-9]\)")  # in a layout: the array lies in the chip's cache
_NOTHING = {
    *("parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while"),
    *("conditional", "call", "after-all", "copy-done", "slice-done"),
}
_SLICES = {"dynamic-slice", "slice", "gather"}
_CALLS = {"while", "conditional", "call"}


def memory_traffic(entry: str, computations: Computations, turns: int = 1) -> int:
    """Bytes of one call, a chip.

    Operands and results of every instruction outside fusions that lie in the main
    memory, as often as it runs; of what is only sliced or updated in place, the slices.

    Args:
      entry: where the program begins.
      computations: all of it, from `compiled_text.read`.
      turns: how often a loop of unknown length runs.
    """
    times = executions(entry, computations, turns)
    every = (i for instructions in computations.values() for i in instructions)
    fused = {name for i in every if i.opcode not in _CALLS for name in i.called}
    return sum(
        times[name] * _of(instructions, computations)
        for name, instructions in computations.items()
        if name not in fused and times[name]
    )


def _of(instructions: list[Instruction], computations: Computations) -> int:
    """Bytes of one pass through a computation."""
    sizes = {i.name: _size(i.result) for i in instructions}
    total = 0
    for i in instructions:
        if i.opcode in _NOTHING:
            continue
        read, written = [sizes.get(name, 0) for name in i.operands], sizes[i.name]
        if i.opcode == "fusion":
            read, written = _of_fusion(computations[i.called[0]], read, written)
        elif i.opcode in _SLICES:
            read = [min(size, written) for size in read]
        elif i.opcode == "dynamic-update-slice":
            read, written = read[1:2], read[1]
        total += sum(read) + written
    return total


def _of_fusion(
    body: list[Instruction], sizes: list[int], written: int
) -> tuple[list[int], int]:
    """Bytes that a fusion reads of each operand, and those that it writes."""
    whole = {i.name: sum(size for size, _ in arrays(i.result)) for i in body}
    read = list(sizes)
    for parameter in (i for i in body if i.opcode == "parameter"):
        place = int(parameter.operands[0])
        users = [i for i in body if parameter.name in i.operands]
        if all(u.opcode in _SLICES and u.operands[0] == parameter.name for u in users):
            read[place] = min(sizes[place], sum(whole[user.name] for user in users))
        elif any(_updates(user, parameter.name) for user in users):
            read[place] = 0
    updates = [i for i in body if i.opcode == "dynamic-update-slice"]
    if updates and body[-1] in updates:
        written = min(written, whole[updates[-1].operands[1]])
    return read, written


def _updates(user: Instruction, name: str) -> bool:
    return user.opcode == "dynamic-update-slice" and user.operands[0] == name


def _size(shape: str) -> int:
    return sum(size for size, layout in arrays(shape) if not _FAST.search(layout))
