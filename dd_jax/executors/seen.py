"""How far a run is, as the files of its folder say; nothing else is looked at."""

import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from dd_jax.catalogue.method_traits import selects
from dd_jax.report import completed
from dd_jax.report.records import estimate, lookup
from dd_jax.system import workdir
from dd_jax.system.disk import file_digest
from dd_jax.system.locks import holder_lives
from dd_jax.system.one_line import one_line
from dd_jax.system.progress import duration
from dd_jax.types import InputError


class Seen(NamedTuple):
    """The state of a run.

    Attributes:
      kind: `new`, `running`, `interrupted`, `done`, `failed`, `diverged` or `damaged`.
      detail: progress, reason, or accuracy of networks on the distilled set.
      seconds: since it was started, or that it took.
      share: of its distillation that is done, in [0, 1].
    """

    kind: str
    detail: str = ""
    seconds: float = 0.0
    share: float = 0.0


def look(folder: Path | None) -> Seen:
    """The state of the run of a folder, which may not exist yet."""
    row = workdir.read_status(folder) if folder else None
    if folder is None or row is None:
        return Seen("new")
    kind = row["status"]
    if kind == "done":
        if name := _changed(folder, row):
            return Seen("damaged", f"{name} is not the one that was written")
        return Seen("done", _accuracy(folder), _between(folder, "record.json"))
    if kind in ("failed", "diverged", "damaged"):
        return Seen(kind, one_line(row["error"]))
    if kind != "running":
        return Seen("damaged", f"status.json says {kind}")
    detail, share = _progress(folder)
    if not holder_lives(folder):
        return Seen("interrupted", detail, share=share)
    return Seen("running", detail, _between(folder, None), share)


def line(label: str, seen: Seen, typical: float | None) -> str:
    """A run in a line.

    Args:
      label: of the run.
      seen: its state.
      typical: seconds of a run of the sweep, where one is done.

    >>> line("[1/2] ipc=1", Seen("running", "distil 50 of 100", 60.0, 0.5), 90.0)
    '[1/2] ipc=1  running  distil 50 of 100, for 60 s, ETA 30 s'
    """
    parts = [seen.detail] if seen.detail else []
    if seen.kind == "running":
        parts.append(f"for {duration(seen.seconds)}")
        if typical is not None:
            parts.append(f"ETA {duration(max(0.0, typical - seen.seconds))}")
        elif 0 < seen.share < 1:
            left = seen.seconds / seen.share - seen.seconds
            parts.append(f"ETA of distillation {duration(left)}")
    elif seen.kind == "done":
        parts.append(f"in {duration(seen.seconds)}")
    return "  ".join(filter(None, (label, seen.kind, ", ".join(parts))))


def typical_seconds(runs: Iterable[Seen]) -> float | None:
    """Mean seconds of the runs that are done; None without one."""
    times = [seen.seconds for seen in runs if seen.kind == "done"]
    return mean(times) if times else None


def summary(runs: list[Seen]) -> str:
    """All runs in a line.

    >>> summary([Seen("done", "", 9.0), Seen("new"), Seen("running", "", 1.0)])
    '3 cells: 1 done, 1 running, 1 new, ETA 17 s'
    """
    kinds = [seen.kind for seen in runs]
    order = ("done", "running", "failed", "diverged", "damaged", "interrupted", "new")
    counts = ", ".join(f"{kinds.count(k)} {k}" for k in order if k in kinds)
    each, going = typical_seconds(runs), kinds.count("running")
    eta = ""
    if each is not None and going:
        spent = sum(min(s.seconds, each) for s in runs if s.kind == "running")
        left = (going + kinds.count("new")) * each - spent
        eta = f", ETA {duration(left / going)}"
    return f"{len(runs)} cells: {counts}{eta}"


def _changed(folder: Path, row: dict) -> str:
    """The Record or the config of a done run, if it is not as it was written.

    Returns:
      The name of the file; empty where both are, or where the config is deleted.
    """
    with suppress(OSError):
        if completed.has_its_record(folder, row):
            path, files = folder / "config.json", row.get("files")
            digest = files.get(path.name) if isinstance(files, dict) else None
            whole = not path.exists() or digest in (None, file_digest(path))
            return "" if whole else path.name
    return completed.RECORD


def _accuracy(folder: Path) -> str:
    with suppress(InputError):
        record = workdir.read_json(folder / "record.json")
        found = estimate(lookup(record, "accuracy", "distilled"))
        if found:
            return f"accuracy {100 * found['mean']:.1f} %"
    return ""


def _progress(folder: Path) -> tuple[str, float]:
    """Where a run is, and the share of its distillation that is done."""
    try:
        total = _steps(workdir.read_json(folder / "config.json")["distill"])
        rows = workdir.read_jsonl(folder / "metrics.jsonl")
        steps = rows[-1]["step"] if rows else 0
        if steps < total:
            return f"distil {steps} of {total}", steps / total
    except (InputError, OSError, KeyError, TypeError):
        return "", 0.0
    return _stage(folder), 1.0


def _steps(distill: dict) -> int:
    """All steps of distillation; none of sets that are loaded or selected."""
    none = distill["load"] or selects(distill["method"])
    return 0 if none else distill["steps"]


def _stage(folder: Path) -> str:
    """The stage after distillation whose files are the newest."""
    with suppress(OSError):
        times = {p.stat().st_mtime: p.name for p in (folder / "checkpoints").iterdir()}
        if times and times[max(times)] != "distil":
            return times[max(times)].replace("_", " ")
    return "networks"


def _between(folder: Path, last: str | None) -> float:
    """Seconds from a run's start to the time of a file, or to now."""
    with suppress(OSError):
        end = (folder / last).stat().st_mtime if last else time.time()
        return max(0.0, end - (folder / "config.json").stat().st_mtime)
    return 0.0
