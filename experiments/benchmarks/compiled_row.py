"""One program compiled for a TPU, and what its compiled form says of it."""

import hashlib
import inspect
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import jax
import numpy as np
from compiled_text import collectives, convolving_loops, read
from flops import flops
from hot_programs import Program
from memory_traffic import memory_traffic
from tpu_topology import MEMORY

from dd_jax.runtime.device_memory import memory_of, shared_by
from dd_jax.runtime.device_programs import over_devices
from dd_jax.runtime.platform import made_for

_USED = re.compile(r"(?:Used |HLO temporaries \()([0-9.]+)([KMGT])")
_PIECES = 2, 4, 8, 16
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@contextmanager
def made_for_chips(devices: list) -> Iterator[None]:
    """Inside, programs are traced for TPUs with the memory of these."""
    with made_for("tpu"), memory_of(MEMORY[devices[0].device_kind]):
        yield


def lowered(program: Program, devices: list):
    """The program as JAX hands it to the compiler of some chips, all of which it uses.

    Several chips share one network by `over_devices`, or its networks, each chip as
    many; states give their memory to the next.
    """
    shapes = jax.eval_shape(program.arguments, jax.random.key(0))
    given = (1,) if program.learns else ()
    with made_for_chips(devices):
        if len(devices) == 1:
            place = jax.sharding.SingleDeviceSharding(devices[0])
            put = lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=place)
            jitted = jax.jit(program.run, donate_argnums=given)
            return jitted.lower(*jax.tree.map(put, shapes))
        if program.many:
            return _shared_networks(program, devices, given).lower(*shapes)
        return over_devices(program.run, devices, "shard_map").lower(*shapes)


def _shared_networks(program: Program, devices: list, given: tuple):
    mesh = jax.sharding.Mesh(np.array(devices), ("model",))
    count = len(inspect.signature(program.run).parameters)
    split = lambda place: jax.P("model") if place in program.many else jax.P()
    mapped = jax.shard_map(
        program.run,
        mesh=mesh,
        in_specs=tuple(map(split, range(count))),
        out_specs=jax.P("model"),
        check_vma=False,
    )
    return jax.jit(mapped, donate_argnums=given)


def digest(made) -> str:
    """Of a lowered program: the same where the compiler would be given the same."""
    return hashlib.sha256(made.as_text().encode()).hexdigest()[:16]


def measured(program: Program, made, devices: list) -> dict:
    """Compiles a lowered program.

    Returns:
      `compile_seconds`, of the clock, and `compile_processor_seconds`, of all
      processors; the rest as in `described`. Where the program does not compile:
      `error`, and where that is for want of memory, `memory` in total.
    """
    began, processors = time.perf_counter(), time.process_time()
    try:
        compiled = made.compile()
    except jax.errors.JaxRuntimeError as error:
        return _failed(str(error), devices)
    return {
        "compile_seconds": round(time.perf_counter() - began, 1),
        "compile_processor_seconds": round(time.process_time() - processors, 1),
    } | described(program, compiled, devices)


def measured_in_pieces(program: Callable[[int], Program], made, devices: list) -> dict:
    """`measured`, in smaller pieces where memory does not do, as runs do.

    Args:
      program: `pieces -> program`, its networks trained in that many turns.
      made: `program(1)`, lowered.
      devices: the chips.

    Returns:
      What `measured` gives, and `pieces`: networks were trained in that many turns,
      and batches compiled for that part of the memory that they usually take, see
      `runtime.memory_plan`.
    """
    found = measured(program(1), made, devices) | {"pieces": 1}
    for pieces in _PIECES:
        if not _too_much(found):
            break
        before = digest(made)
        with shared_by(pieces):
            made = lowered(program(pieces), devices)
        if digest(made) != before:  # else this cuts nothing
            found = measured(program(1), made, devices) | {"pieces": pieces}
    return found


def fits(row: dict) -> bool:
    """Whether a program compiles and one chip holds it."""
    return "error" not in row and not _too_much(row)


def _too_much(row: dict) -> bool:
    memory = row["memory"]
    more = memory.get("total", 0) > memory["chip"]
    return more or "RESOURCE_EXHAUSTED" in row.get("error", "")


def described(program: Program, compiled, devices: list) -> dict:
    """What a compiled program takes and does.

    Returns:
      `memory` of a chip in bytes; `flops` of all chips, counted from the trace;
      `bytes` that the memory of a chip moves, `collectives` and `loops` that convolve
      (their lengths, None where they depend on arguments), from the compiled text;
      `compiler`, its own counts, in which loops run once.
    """
    entry, computations = read(compiled.as_text())
    with made_for_chips(devices):
        work = _flops(program, len(devices))
    own = compiled.cost_analysis()
    return {
        "memory": _memory(compiled.memory_analysis(), devices),
        "flops": work,
        "bytes": memory_traffic(entry, computations, program.turns),
        "collectives": collectives(entry, computations, program.turns),
        "loops": [loop.trips for loop in convolving_loops(entry, computations)],
        "compiler": {"flops": own["flops"], "bytes": own["bytes accessed"]},
    }


def _flops(program: Program, chips: int) -> int:
    """Of all chips; where networks are spread over them, as many times those of one."""
    shapes = jax.eval_shape(program.arguments, jax.random.key(0))
    if not program.many:
        return flops(program.run, *shapes, turns=program.turns)
    first = lambda a: a[: len(a) // chips]
    on_one = lambda tree: jax.eval_shape(partial(jax.tree.map, first), tree)
    mine = [
        on_one(shape) if place in program.many else shape
        for place, shape in enumerate(shapes)
    ]
    return chips * flops(program.run, *mine, turns=program.turns)


def _memory(found, devices: list) -> dict[str, int]:
    memory = {
        "arguments": found.argument_size_in_bytes,
        "temporaries": found.temp_size_in_bytes,
        "output": found.output_size_in_bytes,
        "code": found.generated_code_size_in_bytes,
    }
    total = sum(memory.values()) - found.alias_size_in_bytes
    aliased = {"aliased": found.alias_size_in_bytes, "total": total}
    return memory | aliased | {"chip": MEMORY[devices[0].device_kind]}


def _failed(message: str, devices: list) -> dict:
    memory = {"chip": MEMORY[devices[0].device_kind]}
    if used := _USED.search(message):
        memory["total"] = int(float(used[1]) * _UNITS[used[2]])
    return {"error": message.splitlines()[0], "memory": memory}
