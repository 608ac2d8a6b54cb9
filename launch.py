"""Distil, train, audit and report: one config or a sweep of them.

  python launch.py                                         quick start on digits
  python launch.py --config=experiments/NAME.py            one experiment
  python launch.py --config.distill.ipc=1 --dry_run        show what would run
  python launch.py --config.audits.robustness.eps_linf=0,2/255,8/255
  python launch.py --config.data.source=npz:FILE --workdir=DIR

Results go to --workdir: report.html, results.jsonl and runs/RUN_ID/. The same command
again skips finished runs and resumes the others. A value given on the command line wins
over the file; of a swept key it takes the cells that have it, and where none has, it
replaces theirs.

Exit status: 0 done; 1 a run failed or diverged; 2 bad input or usage; 130 interrupted.
"""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax import paths, sweep, workdir
from dd_jax.fields import FIELDS
from dd_jax.overrides import overrides
from dd_jax.progress import duration
from dd_jax.types import InputError

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_LONGEST = 3600  # bytes of the folder of results; Linux ends at 4096 in all


class Request(NamedTuple):
    """What a command line asks for."""

    cells: list[ConfigDict]
    labels: list[str]
    root: Path
    dry_run: bool


def main(argv: Sequence[str]) -> int:
    """Run one command line (`argv[0]` is the program) and return the exit status."""
    try:
        for argument in argv[1:]:
            paths.check_text(argument)
        values, others = overrides(argv[1:])
        options = _options()
        extra = options([argv[0], *others])[1:]
        if options.help:
            print(_help(options))
            return DONE
        if extra:
            raise InputError(f"unexpected argument {extra[0]}; write --FLAG=VALUE")
        request = _request(options, values)
        return _show(request) if request.dry_run else _run(request)
    except (InputError, flags.Error) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        print("error:", paths.in_words(error), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        command = shlex.join(["python", *argv])
        print(f"\ninterrupted; to resume, run again: {command}", file=sys.stderr)
        return INTERRUPTED


def _options() -> flags.FlagValues:
    options = flags.FlagValues()
    options.set_gnu_getopt(True)
    flags.DEFINE_string(
        "config", None, "config file; default: the quick start", flag_values=options
    )
    flags.DEFINE_string(
        "workdir", None, "results; default: ./runs_out/NAME", flag_values=options
    )
    flags.DEFINE_enum(
        "executor",
        "inline",
        ["inline"],
        "how cells run: inline = one after another, here",
        flag_values=options,
    )
    flags.DEFINE_boolean(
        "dry_run", False, "list the cells, write nothing", flag_values=options
    )
    flags.DEFINE_boolean(
        "help", False, "show this", short_name="h", flag_values=options
    )
    return options


def _request(options: flags.FlagValues, given: dict[str, Any]) -> Request:
    if options.config is None:
        name = "quickstart"
        cells = [configs.override(configs.default(), given, "command line")]
    else:
        name = Path(options.config).stem
        experiment = sweep.load(options.config, given)
        cells = sweep.expand(experiment.config, experiment.points, given)
    root = paths.expanded(options.workdir or Path("runs_out", name))
    if str(root)[0] == "~":
        raise InputError(
            f"--workdir={root}: there is no such home directory; write the path out, "
            f"or ./{root}"
        )
    whole = os.path.abspath(root)
    paths.check_text(whole, "--workdir: ")
    if len(os.fsencode(whole)) > _LONGEST:
        raise InputError(
            f"--workdir: {whole} is too long for the files in it; give a path of at "
            f"most {_LONGEST} bytes"
        )
    missing = paths.no_folder(root)
    if missing and missing != paths.NO_FOLDER:
        raise InputError(f"--workdir={root}: {missing}; give a folder")
    for cell in cells:
        configs.validate(cell)
    labels = sweep.labels(cells) if len(cells) > 1 else [name]
    heads = [f"[{i}/{len(cells)}] {label}" for i, label in enumerate(labels, 1)]
    return Request(cells, heads, root, options.dry_run)


def _help(options: flags.FlagValues) -> str:
    lines = [str(__doc__), "Flags (--NAME=VALUE):"]
    lines += [f"  --{name:<36} {options[name].help}" for name in options if name != "h"]
    lines += ["", "Config keys (--config.KEY=VALUE), with their defaults:"]
    for key, field in FIELDS.items():
        value = f"{key}={field.default}"
        gap = "\n" + " " * 40 if len(value) > 37 else ""
        lines.append(f"  {value:<38}{gap} {field.help}")
    return "\n".join(lines)


def _show(request: Request) -> int:
    lines = [f"cells: {len(request.cells)}; results in {request.root}"]
    notes: dict[str, None] = {}
    for config, label in zip(request.cells, request.labels):
        if config.data.source.startswith("tfds:"):  # reading it may download it
            lines.append(f"{label}  run id known once the data set is prepared")
            continue
        run = _run_module()
        run_id = run.run_id(config)
        notes |= dict.fromkeys(run.notes(config))
        progress = _progress(request.root, run_id)
        lines.append(f"{label}  run {run_id}  {progress}")
        if progress != "done" and (ahead := run.forecast(config)):
            lines.append(ahead)
    print("\n".join(lines))
    _tell(notes)
    return DONE


def _tell(notes: Iterable[str]) -> None:
    """What loading the data did that a user may not expect, a line each."""
    for note in notes:
        print(f"data: {note}", flush=True)


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
    row = workdir.read_status(workdir.run_dir(root, run_id))
    if row is None:
        return "new"
    return "done" if row["status"] == "done" else f"resumable ({row['status']})"


def _run(request: Request) -> int:
    run = _run_module()
    from dd_jax import report
    from dd_jax.report import records

    ids, notes = [], {}
    for config in request.cells:  # data are read once a cell, and few are kept
        ids.append(run.run_id(config))
        notes |= dict.fromkeys(run.notes(config))
    _make(request.root, ids)
    _tell(notes)
    finished = [_progress(request.root, run_id) == "done" for run_id in ids]
    seconds: list[float] = []
    failures = 0
    for config, label, run_id, skip in zip(
        request.cells, request.labels, ids, finished
    ):
        print(label, flush=True)
        if not skip and (ahead := run.forecast(config)):
            print(ahead, flush=True)
        start = time.monotonic()
        problem = _attempt(config, request.root)
        if problem:
            failures += 1
            folder = workdir.run_dir(request.root, run_id)
            outcome, stream = f"{problem} (see {folder})", sys.stderr
        else:
            records.write_results(request.root)
            took = f"done in {duration(time.monotonic() - start)}"
            outcome, stream = "already done" if skip else took, sys.stdout
        if not skip:
            seconds.append(time.monotonic() - start)
        eta = _eta(seconds, finished.count(False) - len(seconds))
        print(f"{label} ... {outcome}{eta}", file=stream, flush=True)
    if failures < len(ids) and any(config.report.html for config in request.cells):
        report.build(request.root)
        print(f"report: {request.root / 'report.html'}")
    return FAILED if failures else DONE


def _make(root: Path, run_ids: Sequence[str]) -> None:
    """Makes the folder of results, once all that it has to hold can be written."""
    runs = [workdir.run_dir(root, run_id) for run_id in run_ids]
    for folder in (root, root / "runs", root / "cache", *runs):
        why = paths.no_folder(folder)
        if not why and not os.access(folder, os.W_OK):
            why = "is read-only"
        if why and why != paths.NO_FOLDER:
            raise InputError(f"--workdir={root}: {folder} {why}; give another folder")
    for file in (root / "results.jsonl", root / "report.html"):
        if paths.no_file(file) not in ("", paths.NO_FILE):
            raise InputError(
                f"--workdir={root}: {file} {paths.no_file(file)}; remove it"
            )
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--workdir={root}: {paths.reason(error)}; give a folder that can be "
            "written"
        ) from None


def _attempt(config: ConfigDict, root: Path) -> str | None:
    """Run one cell; what went wrong in one line, or None."""
    from dd_jax import run

    try:
        run.run(config, root)
    except Exception as error:
        verb = "diverged" if isinstance(error, run.Diverged) else "failed"
        return f"{verb}: {type(error).__name__}: {' '.join(str(error).split())}"
    return None


def _eta(seconds: list[float], left: int) -> str:
    if not seconds or left <= 0:
        return ""
    return f", ETA {duration(left * sum(seconds) / len(seconds))}"


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # whatever the locale
    sys.exit(main(sys.argv))
