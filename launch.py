"""Distil, train, audit and report: one config or a sweep of them.

  python launch.py                                         quick start on digits
  python launch.py --config=experiments/NAME.py            one experiment
  python launch.py --config.distill.ipc=1 --dry_run        list the runs, start none
  python launch.py --config.distill.ipc=1 --estimate       say how long they will take
  python launch.py --config.audits.robustness.eps_linf=0,2/255,8/255
  python launch.py --config.data.source=npz:FILE --workdir=DIR

Results go to --workdir: report.html, results.jsonl and runs/RUN_ID/. The same command
again skips finished runs and resumes the others.

A value on the command line replaces that of the config file. If the file sweeps the
key, only the cells (runs of the sweep) with this value are run; if no cell has it, it
replaces the value of all.

Several launchers may share a --workdir: each skips the runs of the others, and checks
them again when its own are done.

Exit status: 0 done, or being run by another launcher; 1 a run failed or diverged, or
the disk is full; 2 bad input or usage, or a run that does not fit in the memory of the
device; 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
"""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue.rules import FLAG
from dd_jax.config import sweep
from dd_jax.config.fields import fields
from dd_jax.config.overrides import config_file, overrides
from dd_jax.system import destination, disk, interruption, paths, workdir
from dd_jax.system.disk import WriteError
from dd_jax.system.notice import notice
from dd_jax.system.progress import duration, say
from dd_jax.types import DoesNotFit, InputError

DONE, FAILED, BAD_INPUT = 0, 1, 2


class End(NamedTuple):
    """How a cell ended.

    Attributes:
      kind: `done`, `failed`, `refused` (it does not fit in memory) or `busy`: another
        process runs it.
      text: the same, as printed.
      ran: whether this launcher ran it.
      owner: the process that runs a busy one, `PID on HOST`.
    """

    kind: str
    text: str
    ran: bool = False
    owner: str = ""


class Request(NamedTuple):
    """The cells of a command line, their labels, and where results go."""

    cells: list[ConfigDict]
    labels: list[str]
    root: Path
    dry_run: bool
    estimate: bool


def main(argv: Sequence[str]) -> int:
    """Run one command line (`argv[0]` is the program) and return the exit status."""
    try:
        for argument in argv[1:]:
            paths.check_text(argument)
        file = config_file(argv[1:])  # before keys are read: it may register some
        module = sweep.read(file) if file else None
        values, others = overrides(argv[1:])
        options = _options()
        extra = options([argv[0], *others])[1:]
        if options.help:
            say(_help(options))
            return DONE
        if extra:
            raise InputError(f"unexpected argument {extra[0]}; write --FLAG=VALUE")
        request = _request(options, values, module)
        if request.dry_run:
            return _show(request)
        return _estimate(request) if request.estimate else _run(request)
    except (InputError, flags.Error) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    except WriteError as error:
        print("error:", error, file=sys.stderr)
        return FAILED
    except OSError as error:
        print("error:", paths.describe_error(error), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt as stop:
        interruption.ignore()
        with suppress(OSError):  # a terminal that was closed
            print(
                f"\ninterrupted; to resume, run again: {_again(argv)}", file=sys.stderr
            )
        return interruption.status(stop)


def _again(argv: Sequence[str]) -> str:
    """The command line, quoted for a shell."""
    return shlex.join(sys.orig_argv if [*argv] == sys.argv else ["python", *argv])


def _options() -> flags.FlagValues:
    options = flags.FlagValues()
    options.set_gnu_getopt(True)
    flags.DEFINE_string(
        "config",
        None,
        "config file in Python; default: the quick start on digits",
        flag_values=options,
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "folder of the results; default: ./runs_out/NAME of the config file",
        flag_values=options,
    )
    flags.DEFINE_enum(
        "executor",
        "inline",
        ["inline"],
        "how the runs of a sweep are executed: inline = one after another, here",
        flag_values=options,
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "list the runs, their ids and how far they are; write nothing",
        flag_values=options,
    )
    flags.DEFINE_boolean(
        "estimate",
        False,
        "measure a few steps of every stage and say how long the runs will take on "
        "these devices, audits aside; write nothing",
        flag_values=options,
    )
    flags.DEFINE_boolean(
        "help", False, "show this help", short_name="h", flag_values=options
    )
    return options


def _request(
    options: flags.FlagValues, given: dict[str, Any], module: ModuleType | None
) -> Request:
    if module is None:
        name = "quickstart"
        cells = [configs.override(configs.default(), given, "command line")]
    else:
        name = Path(options.config).stem
        experiment = sweep.experiment(module, given)
        cells = sweep.expand(experiment.config, experiment.points, given)
    root = destination.results_folder(options.workdir or str(Path("runs_out", name)))
    for cell in cells:
        configs.validate(cell)
    labels = sweep.labels(cells) if len(cells) > 1 else [name]
    heads = [f"[{i}/{len(cells)}] {label}" for i, label in enumerate(labels, 1)]
    return Request(cells, heads, root, options.dry_run, options.estimate)


def _help(options: flags.FlagValues) -> str:
    lines = [str(__doc__), "Flags (--NAME=VALUE):"]
    lines += [f"  --{name:<36} {options[name].help}" for name in options if name != "h"]
    lines += ["", "Config keys (--config.KEY=VALUE), with their defaults:"]
    for key, option in fields().items():
        value = f"{key}={option.default}"
        gap = "\n" + " " * 40 if len(value) > 37 else ""
        right = "" if option.rule in (None, FLAG) else f" ({option.allowed.words})"
        lines.append(f"  {value:<38}{gap} {option.help}{right}")
    return "\n".join(lines)


def _show(request: Request) -> int:
    lines = [f"cells: {len(request.cells)}; results in {request.root}"]
    notes: dict[str, None] = {}
    for config, label in zip(request.cells, request.labels):
        if config.data.source.startswith("tfds:"):  # reading it may download it
            lines.append(f"{label}  run id known once the data set is prepared")
            continue
        cell = _run_module().prepared(config)
        notes |= dict.fromkeys(cell.notes)
        progress = _progress(request.root, cell.id)
        lines.append(f"{label}  run {cell.id}  {progress}")
        if progress != "done" and cell.forecast:
            lines.append(cell.forecast)
    say("\n".join(lines))
    _print_notes(notes)
    return DONE


def _estimate(request: Request) -> int:
    run = _run_module()
    cells = [run.prepared(config) for config in request.cells]
    states = [_progress(request.root, cell.id) for cell in cells]
    _print_notes(dict.fromkeys(note for cell in cells for note in cell.notes))
    total = 0.0
    left = [cell for cell, state in zip(cells, states) if state != "done"]
    found = run.durations(left)
    for cell, label, state in zip(cells, request.labels, states):
        if state == "done":
            say(f"{label}  run {cell.id}  done")
            continue
        spent = next(found)
        total += sum(spent.values())
        parts = ", ".join(
            f"{stage.replace('_', ' ')} {duration(value)}"
            for stage, value in spent.items()
        )
        say(
            f"{label}  run {cell.id}  {state}  {duration(sum(spent.values()))}: {parts}"
        )
    audits = dict.fromkeys(name for cell in left for name in run.audits_of(cell))
    aside = f", without the audits {', '.join(audits)}" if audits else ""
    say(f"all: {duration(total)}{aside}")
    return DONE


def _print_notes(notes: Iterable[str]) -> None:
    """Prints what loading changed in the data, a line each."""
    for note in notes:
        say(f"data: {note}")


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


def _progress(root: Path, run_id: str) -> str:
    from dd_jax.report import completed

    folder = workdir.run_folder(root, run_id)
    row = workdir.read_status(folder)
    if row is None:
        return "new"
    if completed.intact_record(folder):
        return "done"
    return "damaged" if row["status"] == "done" else f"resumable ({row['status']})"


def _run(request: Request) -> int:
    run = _run_module()
    from dd_jax import report
    from dd_jax.report import records

    cells = [run.prepared(config) for config in request.cells]
    destination.make(request.root, [cell.id for cell in cells])
    _print_notes(dict.fromkeys(note for cell in cells for note in cell.notes))
    disk.sweep(request.root, ours=False)
    ends = _run_cells(request, cells)
    busy = [end.owner for end in ends if end.kind == "busy"]
    if busy:
        say(
            f"{len(busy)} of {len(ends)} are being run elsewhere, by "
            f"{', '.join(sorted(set(busy)))}; run the same command again once they end"
        )
    if any(end.kind == "done" for end in ends):
        if any(config.report.html for config in request.cells):
            report.build(request.root)
            say(f"report: {request.root / 'report.html'}")
        else:
            records.write_results(request.root)
    kinds = {end.kind for end in ends}
    return FAILED if "failed" in kinds else BAD_INPUT if "refused" in kinds else DONE


def _run_cells(request: Request, cells: Sequence[Any]) -> list[End]:
    """Runs cells in order; those of other launchers are checked again at the end."""
    folders = [workdir.run_folder(request.root, cell.id) for cell in cells]
    skips = [(workdir.read_status(f) or {}).get("status") == "done" for f in folders]
    ends: dict[int, End] = {}
    seconds: list[float] = []
    todo = range(len(cells))
    while todo:
        for i in todo:
            label, start = request.labels[i], time.monotonic()
            say(label)
            before, end = ends.get(i), _attempt(cells[i], request.root)
            if end.text == "already done" and before:
                end = end._replace(text=f"done by {before.owner}")
            ends[i] = end
            if end.ran:
                seconds.append(time.monotonic() - start)
            eta = _eta(seconds, sum(j > i and not skips[j] for j in todo))
            line = f"{label} ... {end.text}{eta}"
            notice(line) if end.kind in ("failed", "refused") else say(line)
        busy = [i for i in todo if ends[i].kind == "busy"]
        todo = busy if len(busy) < len(todo) else []
    return [ends[i] for i in range(len(cells))]


def _attempt(cell: Any, root: Path) -> End:
    """Runs one prepared cell unless it is finished."""
    from dd_jax import run
    from dd_jax.report import records

    start = time.monotonic()
    try:
        if run.record_of(cell.id, root):
            return End("done", "already done")
        if cell.forecast:
            say(cell.forecast)
        records.append_result(root, run.run(cell, root))
    except run.Busy as busy:
        return End("busy", f"is being run by {busy.owner}", owner=busy.owner)
    except DoesNotFit as error:
        return End("refused", f"refused: {error}", ran=True)
    except Exception as error:
        verb = "diverged" if isinstance(error, run.Diverged) else "failed"
        why = f"{verb}: {type(error).__name__}: {' '.join(str(error).split())}"
        return End(
            "failed", f"{why} (see {workdir.run_folder(root, cell.id)})", ran=True
        )
    return End("done", f"done in {duration(time.monotonic() - start)}", ran=True)


def _eta(seconds: list[float], left: int) -> str:
    if not seconds or left <= 0:
        return ""
    return f", ETA {duration(left * sum(seconds) / len(seconds))}"


def _open_output() -> None:
    """Opens the null device where the program was started with its output closed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
    sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale


if __name__ == "__main__":
    _open_output()
    interruption.install()
    sys.exit(main(sys.argv))
