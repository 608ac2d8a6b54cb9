"""Distil, train, audit and report: one config or a sweep of them.

  python launch.py                                         quick start on digits
  python launch.py --config=experiments/NAME.py            one experiment
  python launch.py --config.distill.ipc=1 --dry_run        list the runs, start none
  python launch.py --config.distill.ipc=1 --estimate       say how long they will take
  python launch.py --config=experiments/NAME.py --manifest=cells.jsonl
  python launch.py --config=experiments/NAME.py --executor=local --workers=4
  python launch.py --config=experiments/NAME.py --executor=slurm --slurm.partition=gpu
  python launch.py --config=experiments/NAME.py --status   say how far each run is
  srun --ntasks=2 python launch.py --distributed=auto      share runs among 2 hosts
  python launch.py --config.audits.robustness.eps_linf=0,2/255,8/255
  python launch.py --config.data.source=npz:FILE --workdir=DIR

Results go to --workdir: report.html, results.jsonl and runs/RUN_ID/. The same command
again skips finished runs and resumes the others.

A value on the command line replaces that of the config file. If the file sweeps the
key, only the cells (runs of the sweep) with this value are run; if no cell has it, it
replaces the value of all.

Several launchers may share a --workdir: each skips the runs of the others, and checks
them again when its own are done.

Exit status: 0 done, or being run by another launcher; 1 a run failed or diverged, the
disk is full, or a check of the decision has the colour of --fail_on or a worse one (one
that is not known fails at amber); 2 bad input or usage, or a run that does not fit in
the memory of the device; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
"""

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from absl import flags

from dd_jax.config import sweep
from dd_jax.config.overrides import config_file, overrides
from dd_jax.executors import cluster, deadline, manifest, plan, plan_file, time_plan
from dd_jax.executors.cells import End, Request, attempt, say_busy, say_notes
from dd_jax.executors.choose import WORKER, Execute, executor
from dd_jax.executors.deciding import decision_settings, failure
from dd_jax.executors.find import run_folders
from dd_jax.executors.joint_steps import Together
from dd_jax.executors.options import help_text, options
from dd_jax.executors.prepare import prepare, require_valid
from dd_jax.executors.requested import requested
from dd_jax.executors.watch import show_once
from dd_jax.executors.worker import kept_output, work
from dd_jax.report.decision.decided import Settings
from dd_jax.system import destination, disk, interruption, paths
from dd_jax.system.disk import WriteError
from dd_jax.system.one_line import one_line
from dd_jax.system.progress import say
from dd_jax.types import InputError

DONE, FAILED, BAD_INPUT = 0, 1, 2
_BEGAN = time.monotonic()
RESULTS = Path(__file__).parent / "experiments" / "results"


def main(argv: Sequence[str]) -> int:
    """Run one command line (`argv[0]` is the program) and return the exit status."""
    try:
        for argument in argv[1:]:
            paths.check_text(argument)
        file = config_file(argv[1:])  # before keys are read: it may register some
        module = sweep.read(file) if file else None
        values, others = overrides(argv[1:])
        known = options()
        extra = known([argv[0], *others])[1:]
        if known.help:
            say(help_text(str(__doc__), known))
            return DONE
        if extra:
            raise InputError(f"unexpected argument {extra[0]}; write --FLAG=VALUE")
        first = _is_first(known)
        request = requested(known, values, module, _run_module)
        if not first:
            return _follow(request)
        require_valid(request, _run_module)
        decision = decision_settings(request.cells, known.fail_on)
        return _dispatch(known, request, decision, argv)
    except (InputError, flags.Error) as error:
        return _refused(BAD_INPUT, one_line(error))
    except WriteError as error:
        return _refused(FAILED, str(error))
    except OSError as error:
        return _refused(BAD_INPUT, paths.describe_error(error))
    except KeyboardInterrupt as stop:
        interruption.ignore()
        with suppress(OSError):  # a terminal that was closed
            print(
                f"\ninterrupted; to resume, run again: {_again(argv)}", file=sys.stderr
            )
        return interruption.status(stop)


def _refused(status: int, why: str) -> int:
    print("error:", why, file=sys.stderr)
    _end_all(status, why)
    return status


def _end_all(status: int, why: str = "") -> None:
    """Ends the other processes of `--distributed` too, where there are any."""
    if joint_work := sys.modules.get("dd_jax.runtime.joint_work"):
        joint_work.leave(status, why)


def _again(argv: Sequence[str]) -> str:
    """The command line, quoted for a shell."""
    own = [word for word in argv[1:] if word != WORKER]
    return shlex.join([*_program(argv), *own])


def _program(argv: Sequence[str]) -> list[str]:
    """What starts this program, without its arguments."""
    if [*argv] != sys.argv:
        return ["python", argv[0]]
    return sys.orig_argv[: len(sys.orig_argv) - len(argv) + 1]


def _is_first(known: flags.FlagValues) -> bool:
    """Joins the other processes of this command line, where `--distributed` says so.

    Returns:
      Whether this one is the first, or alone.
    """
    if not cluster.wanted(known):
        return True
    place = cluster.given(known, os.environ)
    run = _run_module()
    if not run.meet(place) and known["distributed"].value == "on" and not place:
        raise InputError(cluster.NONE)
    return run.is_first()


def _follow(request: Request) -> int:
    run = _run_module()
    run.follow(prepare(request, run))
    return DONE


def _dispatch(
    known: flags.FlagValues,
    request: Request,
    decision: Settings | None,
    argv: Sequence[str],
) -> int:
    if known.status:
        show_once(run_folders(request.root, request.cells), request.labels)
        return DONE
    if known.dry_run:
        plan.show(request, _run_module, RESULTS)
        return DONE
    if known.manifest:
        return _manifest(known, request, _program(argv))
    if known.estimate:
        plan.estimate(request, _run_module())
        return DONE
    if known.executor == "worker":
        return _work(request)
    program = [sys.executable, os.path.abspath(__file__), *argv[1:]]
    return _run(
        request,
        decision,
        executor(
            known,
            request,
            program,
            partial(_attempt, request),
            partial(_together, request),
        ),
    )


def _manifest(known: flags.FlagValues, request: Request, program: list[str]) -> int:
    path = paths.expanded(known.manifest)
    why = paths.no_file(path)
    if why and why != paths.NO_FILE:
        raise InputError(f"--manifest={path}: {why}; give the path of a file")
    given = [f"--config={known.config}"] if known.config else []
    where = f"--workdir={request.root}"
    manifest.write(path, request, _run_module, [*program, *given, where])
    say(f"cells: {len(request.cells)}; manifest in {path}")
    return DONE


def _run_module() -> ModuleType:
    """`dd_jax.run`, once JAX starts.

    Raises:
      InputError: JAX does not start, as with a wrong value of one of its variables.
    """
    try:
        import jax  # noqa: F401
    except Exception as error:
        raise InputError(
            f"JAX does not start: {type(error).__name__}: {error}"
        ) from None
    from dd_jax import run

    return run


def _run(request: Request, decision: Settings | None, execute: Execute) -> int:
    run = _run_module()

    cells = prepare(request, run)
    destination.make(request.root, [cell.id for cell in cells])
    if request.plan:
        plan_file.keep(request.root, request.plan)
        say("\n".join(time_plan.described(request.plan)))
    say_notes(cells)
    disk.sweep(request.root, ours=False)
    ends = execute(cells)
    say_busy(ends)
    if request.plan:
        deadline.say_left_out(request.plan, ends, _BEGAN)
    if any(end.kind == "done" for end in ends):
        if why := _report(request, decision):
            return _refused(FAILED, why)
    kinds = {end.kind for end in ends}
    return FAILED if "failed" in kinds else BAD_INPUT if "refused" in kinds else DONE


def _report(request: Request, decision: Settings | None) -> str:
    """Writes the results, the decision and the report.

    Returns:
      Why the command fails by `--fail_on`; empty where it does not.
    """
    from dd_jax import report
    from dd_jax.report import records

    try:
        return failure(request.root, decision) if decision else ""
    finally:
        if any(config.report.html for config in request.cells):
            report.build(request.root)
            say(f"report: {request.root / 'report.html'}")
        else:
            records.write_results(request.root)


def _attempt(request: Request) -> Callable[[Any, Path], End]:
    """What runs one prepared cell in this process."""
    run = _run_module()
    from dd_jax.report import records

    one = partial(attempt, run, records.append_result)
    return deadline.within(one, request.plan, _BEGAN) if request.plan else one


def _together(request: Request) -> Together:
    run = _run_module()
    at_once = (lambda devices: 1) if request.plan else run.runs_at_once
    return Together(run.take_steps_together, at_once)


def _work(request: Request) -> int:
    work(request, _run_module().prepared, _attempt(request))
    return DONE


def _open_output() -> None:
    """Opens the null device where the program was started with its output closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
    sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale


if __name__ == "__main__":
    _open_output()
    interruption.install()
    if WORKER in sys.argv:
        kept_output()
    ended = main(sys.argv)
    _end_all(ended)
    sys.exit(ended)
