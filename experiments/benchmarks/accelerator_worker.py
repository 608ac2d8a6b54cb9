"""One row of `accelerator.py`, in a process of its own: JSON in, a line of JSON out."""

import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

from sizes import VARIANTS, Size

ROUNDS = 3


def timed(run: Callable[[int], None], seconds: float, multiple: int = 1) -> dict:
    """Seconds per step in some rounds.

    Args:
      run: takes a number of steps and returns once they are done.
      seconds: least time of a round.
      multiple: what the number of steps is a multiple of.

    Returns:
      `{seconds_per_step, rounds, steps_of_a_round}`, the first being the median.
    """
    begin = time.perf_counter()
    run(1)
    once = max(time.perf_counter() - begin, 1e-6)
    steps = multiple * max(1, math.ceil(seconds / once / multiple))
    rounds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        run(steps)
        rounds.append((time.perf_counter() - begin) / steps)
    median = statistics.median(rounds)
    return {"seconds_per_step": median, "rounds": rounds, "steps_of_a_round": steps}


def device(full: bool) -> dict:
    """What JAX finds, its precisions, and with `full` what matrix products reach."""
    import jax
    from matmul import matmul_peak

    from dd_jax.runtime.precision import PRECISIONS, require_precision
    from dd_jax.types import InputError

    first = jax.devices()[0]
    about = {
        "platform": first.platform,
        "device": first.device_kind,
        "platform_version": first.client.platform_version,
    }
    if first.platform == "cpu" and full:
        return about
    able = []
    for name in PRECISIONS:
        try:
            require_precision(name)
        except InputError:
            continue
        able.append(name)
    peak = matmul_peak if full else partial(matmul_peak, side=256, seconds=0.01)
    return about | {"matmul_tflops": {name: peak(name) for name in able}}


def ours(program: str, size: list, precision: str, seconds: float) -> dict:
    """Times a hot program in one precision.

    Returns:
      Of `timed`, with `{compile_seconds, flops, peak_bytes, planned_bytes}`: the peak
      is what the device says of this process, arguments included (None on CPU); planned
      is by the compiler: arguments, results and scratch.
    """
    import hot_programs
    import jax
    import program_sizes
    from flops import flops

    from dd_jax.distill.methods.condensation import loops
    from dd_jax.runtime.precision import computing_in

    shapes = program_sizes.Size(*size)
    hot = hot_programs.programs(shapes)[program]
    with computing_in(precision):
        arguments = jax.jit(hot.arguments)(jax.random.key(0))
        step = jax.jit(hot.run)
        counted = flops(step, *arguments, turns=hot.turns)
        run, about = _repeated(step, arguments)
        life = loops(shapes.ipc)[0] if program == "dsa" else 1
        run(1)
        found = timed(run, seconds, life)
    peak = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return found | about | {"flops": counted, "peak_bytes": peak}


def _repeated(step: Callable, arguments: tuple) -> tuple[Callable[[int], None], dict]:
    """Steps of a program: those that learn in one compiled call, as in a run.

    A program learns if its first result has the form of its second argument, the state.
    """
    import jax
    from jax import lax

    key, state, *rest = arguments
    after = jax.eval_shape(step, *arguments)
    shapes = partial(jax.tree.map, lambda a: (a.shape, a.dtype))
    learns = isinstance(after, tuple) and shapes(after[0]) == shapes(state)
    if learns and key.ndim == 0:

        def advance(state, first, last, key, rest):
            one = lambda i, now: step(jax.random.fold_in(key, i), now, *rest)[0]
            return lax.fori_loop(first, last, one, state)

        compiled, about = _compiled(advance, state, 0, 1, key, rest)

        def run(steps):
            nonlocal state
            state = compiled(state, 0, steps, key, rest)
            jax.block_until_ready(state)

    else:
        compiled, about = _compiled(step, *arguments)

        def run(steps):
            for _ in range(steps):
                last = compiled(*arguments)
            jax.block_until_ready(last)

    return run, about


def _compiled(fun: Callable, *arguments) -> tuple[Callable, dict]:
    """A program, the seconds to trace and compile it, and its bytes."""
    import jax

    begin = time.perf_counter()
    compiled = jax.jit(fun).lower(*arguments).compile()
    spent = time.perf_counter() - begin
    plan = compiled.memory_analysis()
    planned = plan and (
        plan.argument_size_in_bytes
        + plan.output_size_in_bytes
        + plan.temp_size_in_bytes
        - plan.alias_size_in_bytes
    )
    return compiled, {"compile_seconds": spent, "planned_bytes": planned}


def torch_here() -> dict:
    """PyTorch's version and whether it finds a GPU; nothing where it is missing."""
    try:
        import torch
    except ImportError:
        return {}
    return {"torch": torch.__version__, "cuda": torch.cuda.is_available()}


def theirs(
    case: str, size: list, precision: str, seconds: float, variant: str, steps: int
) -> dict:
    """Times PyTorch's case in one precision, `steps` of its steps being one.

    Returns:
      Of `timed`, with `{compile_seconds, peak_bytes}`, the first being those of the
      first step.
    """
    import torch
    import torch_worker

    gpu = torch.cuda.is_available()
    torch.set_default_device("cuda" if gpu else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    kind = "cuda" if gpu else "cpu"
    low = torch.autocast(kind, torch.bfloat16) if precision == "bfloat16" else None
    with low or nullcontext():
        used = torch_worker.Variant(*VARIANTS[variant])
        many = torch_worker.CASES[case](Size(*size), used)

        def run(count):
            many(count * steps)
            if gpu:
                torch.cuda.synchronize()

        begin = time.perf_counter()
        many(1)
        if gpu:
            torch.cuda.synchronize()
        first = time.perf_counter() - begin
        found = timed(run, seconds)
    peak = torch.cuda.max_memory_allocated() if gpu else None
    return found | {"compile_seconds": first, "peak_bytes": peak}


KINDS = {"device": device, "ours": ours, "torch_here": torch_here, "theirs": theirs}


def main(request: str) -> None:
    """Answers one request, `{kind, arguments}`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    wanted = json.loads(request)
    found = KINDS[wanted["kind"]](**wanted["arguments"])
    print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
