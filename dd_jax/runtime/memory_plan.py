"""Programs that fit in the memory of their device, by the compiler's own analysis."""

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax

from dd_jax.runtime import hosts
from dd_jax.runtime.device_memory import device_memory, reported, shared_by
from dd_jax.runtime.devices import devices_in_use
from dd_jax.runtime.platform import platform
from dd_jax.runtime.precision import precision
from dd_jax.system.disk import tells_no_room
from dd_jax.types import DoesNotFit

_MOST_SHARERS = 1 << 10  # smaller pieces of a batch than this share save nothing


def need(compiled: jax.stages.Compiled) -> int:
    """Bytes that a compiled program takes of each device, its arguments among them.

    >>> program = jax.jit(lambda x: 2 * x).lower(jax.ShapeDtypeStruct((10,), "float32"))
    >>> need(program.compile())
    80
    """
    found = compiled.memory_analysis()
    if found is None:  # a platform whose compiler does not say
        return 0
    arguments, results = found.argument_size_in_bytes, found.output_size_in_bytes
    return arguments + results - found.alias_size_in_bytes + found.temp_size_in_bytes


def fitted(make: Callable[[int], Callable], models: Callable[..., int]) -> Callable:
    """A program that takes as many models at a time as fit in memory.

    It is compiled before its first call. Where it needs more than the device has, it is
    compiled again for fewer models at a time; where one alone is too much, its batches
    of images are cut into more pieces (`device_memory.in_batches`). What fits at once
    is compiled once.

    Args:
      make: `chunk -> program`, jitted; chunk is a number of models, 0 for all at once.
      models: `(*arguments) -> count` of the models on each device.

    Returns:
      The program, which raises DoesNotFit where nothing helps.
    """
    program = cache(lambda chunk, platform: make(chunk))
    plans: dict[tuple, tuple[int, int]] = {}

    def call(*arguments):
        leaves, structure = jax.tree.flatten(arguments)
        target = platform()
        memory = 0 if target == "cpu" else device_memory()
        place = target, precision(), memory, structure, *map(jax.typeof, leaves)
        if place not in plans:
            here = lambda chunk: program(chunk, target)
            plans[place] = _plan(here, models(*arguments), arguments)
        chunk, sharers = plans[place]
        with shared_by(sharers):
            return program(chunk, target)(*arguments)

    return call


def _plan(program: Callable, models: int, arguments: tuple) -> tuple[int, int]:
    """How many models at a time, and among how many a batch divides its memory.

    Raises:
      DoesNotFit: one model, its batches in the smallest pieces, is too much.
    """
    given = sum(map(_bytes, jax.tree.leaves(arguments)))
    limit = hosts.least(device_memory() - _used_by_others(given))

    def needed(chunk: int, sharers: int) -> float:
        with shared_by(sharers):
            return _need_or_more(program(chunk).lower(*arguments))

    chunk, least = 0, needed(0, 1)
    for chunk in _fewer(models, least, limit, given) if least > limit else ():
        least = needed(chunk, 1)
        if least <= limit:
            break
    sharers = 1
    while least > limit:
        smaller = needed(chunk, 2 * sharers)
        if smaller >= least or sharers >= _MOST_SHARERS:
            raise DoesNotFit(_too_much(least, limit))
        least, sharers = smaller, 2 * sharers
    return chunk, sharers


def _too_much(least: float, limit: int) -> str:
    device = devices_in_use()[0]
    where = device if device.platform == platform() else platform()
    amount = "more" if math.isinf(least) else size_in_words(least)
    return f"needs {amount} of {size_in_words(limit)} on {where}"


def _used_by_others(given: int) -> int:
    """Bytes of the device that hold other arrays than the `given` arguments."""
    return max(0, reported().get("bytes_in_use", 0) - given)


def _bytes(array: Any) -> int:
    kind = jax.typeof(array)
    return kind.size * kind.dtype.itemsize


def _need_or_more(lowered: jax.stages.Lowered) -> float:
    """`need`, infinite where the compiler itself finds that memory does not do."""
    try:
        return need(lowered.compile())
    except jax.errors.JaxRuntimeError as error:
        if not ran_out(error):
            raise
        return math.inf


def ran_out(error: jax.errors.JaxRuntimeError) -> bool:
    """Whether an error of the device is that its memory did not do, nor a disk."""
    return "RESOURCE_EXHAUSTED" in str(error) and not tells_no_room(str(error))


def _fewer(models: int, whole: float, limit: int, given: int) -> Iterator[int]:
    """Models at a time to try: those that should fit, then ever fewer down to one."""
    if models == 1:
        return
    each = (whole - given) / models
    fit = models // 2 if math.isinf(each) else int((limit - given) / each)
    pieces = -(-models // min(max(fit, 1), models))
    chunk = -(-models // pieces)
    while chunk > 1:
        yield chunk
        chunk //= 2
    yield 1


def size_in_words(size: float) -> str:
    """A number of bytes in decimal units.

    >>> size_in_words(31.24e9), size_in_words(2.5e6)
    ('31.2 GB', '2.5 MB')
    """
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
