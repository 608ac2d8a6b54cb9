"""A worker's side of the conversation: JSON lines on standard input and output.

`{"size": S, "case": C, "steps": n}` is answered by `{"seconds": t}` for n steps,
`{"missing": true}` where this side has no such case, or `{"error": text}`. With
`"flops": true` in place of steps the answer is `{"flops": n}` of one step. The first
line that a worker writes describes it.
"""

import json
import os
import sys
import time
from collections.abc import Callable

from sizes import SIZES, Size

Case = Callable[[Size], Callable[[int], None]]


def run_cases(
    about: dict, cases: dict[str, Case], flops: Callable[[str, Size], int] | None = None
) -> None:
    """Answers requests until the input ends.

    Args:
      about: versions and threads.
      cases: from a size to a function that takes n steps and returns once they are
        done; built at its first request, and it keeps its state between requests.
      flops: `(case, size) -> floating point operations of a step`.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    built: dict[tuple[str, str], Callable[[int], None]] = {}

    def answer(row):
        print(json.dumps(row), file=answers, flush=True)

    answer(about)
    for line in sys.stdin:
        request = json.loads(line)
        name, size = request["case"], request["size"]
        if name not in cases:
            answer({"missing": True})
            continue
        try:
            if "flops" in request:
                answer({"flops": flops(name, SIZES[size]) if flops else None})
                continue
            if (name, size) not in built:
                built[name, size] = cases[name](SIZES[size])
            start = time.perf_counter()
            built[name, size](request["steps"])
            answer({"seconds": time.perf_counter() - start})
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}"})
