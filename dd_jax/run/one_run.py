"""A run: one config in, one Record and its files out."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.distill.io import conversion, storage
from dd_jax.report import completed, event_files
from dd_jax.run import stages
from dd_jax.run.audit_context import (
    Results,
    context_of,
    enabled,
    eval_steps,
    results_of,
    say_advice,
)
from dd_jax.run.audited_claims import audited_mechanism, withdraw_if_refuted
from dd_jax.run.cached import advised, rehearsal
from dd_jax.run.context import (
    AUDIT_PRECISION,
    Prepared,
    RunContext,
    current_id,
    learns,
    start,
)
from dd_jax.run.dp_sgd_baseline import earlier_accuracy, spent_by_dp_sgd
from dd_jax.run.forecast import forecast
from dd_jax.run.grid_checks import SEEN
from dd_jax.run.identity import identity
from dd_jax.run.private import guarantee
from dd_jax.run.read_data import place, whitening
from dd_jax.run.set_metadata import metadata_of
from dd_jax.run.validation import check
from dd_jax.runtime import compilation_cache as compiled
from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.devices import spread
from dd_jax.runtime.joint_work import together
from dd_jax.runtime.loop import Diverged
from dd_jax.runtime.platform import in_turn
from dd_jax.runtime.precision import computing_in
from dd_jax.runtime.program_maps import forget_programs_if_many
from dd_jax.system import disk, locks, workdir
from dd_jax.system.locks import Busy
from dd_jax.system.one_line import error_line
from dd_jax.system.paths import expanded
from dd_jax.types import Dataset, InputError, Params, Record, SyntheticSet

__all__ = ["Busy", "Diverged", "Prepared", "prepared", "record_of", "run"]


def prepared(config: ConfigDict) -> Prepared:
    """A run that can start: everything built and checked, nothing computed.

    In one grid, configs that differ in a seed that no check depends on share all that
    is built.

    Args:
      config: keys of the right types and in their ranges, as `config.validate` wants.

    Raises:
      InputError: data, model and audits do not fit each other.
    """
    if not (seen := SEEN.get()):
        return _prepared(config)
    name = _but_for_the_seed(config)
    if name not in seen.passed:
        seen.passed[name] = _prepared(config)
    like = seen.passed[name]
    return like._replace(id=configs.run_id(config, like.fingerprint), config=config)


def _but_for_the_seed(config: ConfigDict) -> tuple:
    """Equal where the checks of two configs are the same."""
    values = configs.flat(config)
    if not config.audits.privacy.canaries:
        del values["seed"]
    return (*place(config), *values.values())


def _prepared(config: ConfigDict) -> Prepared:
    try:
        built = check(config)
    except (InputError, OSError):
        raise
    except Exception as error:
        plugins = [
            f"{e.kind} {e.name!r}" for e in configs.used_entries(config) if e.origin
        ]
        if not plugins:
            raise
        raise InputError(f"with {', '.join(plugins)}: {error_line(error)}") from error
    return Prepared(
        configs.run_id(config, built.fingerprint),
        config,
        built.model,
        built.trainer,
        built.fingerprint,
        _notes(config, built.dataset),
        forecast(config),
    )


def _notes(config: ConfigDict, data: Dataset) -> tuple[str, ...]:
    """What loading data and sets did that a user may not expect, a line each."""
    sets = filter(None, (config.distill.load, *config.audits.transfer.sets))
    done = [(path, conversion.converted(storage.load(path))) for path in sets]
    return data.notes + tuple(
        f"{path}: {words}" for path, all_words in done for words in all_words
    )


def record_of(run_id: str, root: str | Path) -> Record | None:
    """The Record of a finished run of a working directory, else None."""
    folder = workdir.run_folder(root, run_id)
    record = completed.intact_record(folder)
    if record:  # its checkpoints have no further use
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return record


def run(
    config: ConfigDict | Prepared, root: str | Path = "runs_out/notebook"
) -> Record:
    """Distils, trains, audits and writes all of it under `root/runs/RUN_ID`.

    A finished run is read back and not run again; an unfinished one resumes from its
    last checkpoint, to the same bits as if it had never stopped.

    Args:
      config: a config as `dd_jax.config.default()` makes it, or what `prepared` made
        of one.
      root: the working directory.

    Returns:
      The Record.

    Raises:
      InputError: bad config or data, before any compute.
      DoesNotFit: a stage needs more memory than the device has.
      Busy: another process runs it now.
      Diverged: a loss stopped being finite; `status.json` says so.
      WriteError: the disk is full, or refuses a file for another reason.
    """
    if not isinstance(config, Prepared):
        configs.validate(config)
        config = prepared(config)
    root = expanded(root)
    if record := record_of(config.id, root):
        return record
    if current_id(config.config) != config.id:
        raise InputError("data or a loaded set changed since the check; run again")
    folder = workdir.run_folder(root, config.id)
    devices, audits = spread(config.config.devices), computing_in(AUDIT_PRECISION)
    with locks.exclusive(folder), devices, audits:
        if record := record_of(config.id, root):  # another process was faster
            return record
        disk.sweep(folder, ours=True)
        with together(config.id):
            _complete(config, folder, root / "cache")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return workdir.read_json(folder / "record.json")


def _complete(waiting: Prepared, folder: Path, cache: Path) -> None:
    """Runs what is left of a run; `status.json` says how it ends."""
    compiled.enable()
    found = workdir.provenance()  # of the code that is loaded, not of a later commit
    workdir.write_start(folder, waiting.config.to_json())
    try:
        record = _measure(start(waiting, folder, cache), waiting.notes)
        if current_id(waiting.config) != folder.name:
            raise InputError("data or a loaded set changed during the run; run again")
        record["run"] |= found | {"results_version": configs.RESULTS_VERSION}
        record["run"] |= configs.method_form(waiting.config)
        workdir.write_json(folder / "record.json", record)
        if waiting.config.report.tensorboard:
            rows = workdir.read_jsonl(folder / "metrics.jsonl")
            event_files.write_final(folder, record, rows)
        completed.complete(folder)
    except KeyboardInterrupt:
        _leave(folder, "running", "interrupted")
        raise
    except Exception as error:
        _leave(folder, "diverged" if isinstance(error, Diverged) else "failed", error)
        raise


def _leave(folder: Path, status: workdir.Status, error: BaseException | str) -> None:
    """Says in `status.json` why a run stopped, as far as the disk has room."""
    with suppress(OSError):
        if (workdir.read_status(folder) or {}).get("status") != "done":
            workdir.write_status(folder, status, error)


def _measure(run: RunContext, notes: tuple[str, ...]) -> Record:
    """All stages and audits in turn; each resumes from its checkpoint."""
    say_advice(run)
    whitening(run.config)  # fitted here, not inside of a compiled function
    audited = audited_mechanism(run)
    results = _results(run)
    promised = guarantee(run) if run.config.dp.epsilon else {}
    metadata = _save_sets(run, results.sets)
    Checkpoints(run.folder / "model").save(0, 0.0, results.networks)
    record: Record = {"run": identity(run, metadata, notes)}
    if promised:
        spent = spent_by_dp_sgd(run, results.logits)
        record["run"]["differential_privacy"] = promised | audited | spent
    for name, audit in enabled(run.config).items():
        forget_programs_if_many()
        with advised(run, name):
            part = audit.measure(context_of(run, name, results))
        if part := _of_record(name, part):
            record[name] = part
    withdraw_if_refuted(record, run.folder)
    curves = {"distil": _distil_curve(run.folder)} | results.curves
    workdir.write_json(run.folder / "curves.json", curves)
    steps = run.config.distill.steps * run.config.sets if learns(run.config) else 0
    record["cost"] = run.cost.record(steps)
    record["artifacts"] = {
        path.stem: path.name
        for path in sorted(run.folder.iterdir())
        if path.suffix in (".npz", ".jsonl", ".png") or path.name == "curves.json"
    }
    return record


def _of_record(name: str, part: Any) -> Any:
    """An audit's part as JSON holds it.

    Raises:
      InputError: a Record cannot hold it.
    """
    try:
        return json.loads(workdir.json_line(part))
    except (TypeError, ValueError) as error:
        words = f"audit {name}: {error}; a Record holds JSON values"
        raise InputError(words) from error


def _results(run: RunContext) -> Results:
    """The sets, networks on them, and those of the baselines."""
    if not in_turn():  # where memory is short: all stages fit, or none starts
        with rehearsal():
            _networks(run, stages.synthetic_sets(run)[0])
    sets, sets_at = stages.sets_by_step(run, eval_steps(run.config))
    earlier_accuracy(run)
    return results_of(run, sets, sets_at, _networks(run, sets))


def _networks(run: RunContext, sets: SyntheticSet) -> dict[str, Params]:
    distilled = stages.networks_on_sets(run, sets)
    baselines = stages.baselines(run.config).items()
    return {"distilled": distilled} | {pipe: train(run) for pipe, train in baselines}


def _save_sets(run: RunContext, sets: SyntheticSet) -> dict:
    """Writes each set, the first one's picture, and returns the first's metadata."""
    from dd_jax.report.image_grid import image_grid  # matplotlib: dry runs do without

    metadata = metadata_of(run, sets)
    for i in range(len(sets.images)):
        one = jax.tree.map(lambda leaf, at=i: np.asarray(leaf[at]), sets)
        name = "synthetic.npz" if i == 0 else f"synthetic_{i}.npz"
        storage.save(run.folder / name, one._replace(metadata=metadata))
    if fitted := whitening(run.config):
        workdir.write_npz(run.folder / "zca.npz", **fitted._asdict())
    labels = sets.with_hard_labels.labels
    picture = image_grid(np.asarray(sets.images[0]), np.asarray(labels[0]))
    disk.replace(run.folder / "images.png", picture)
    return metadata


def _distil_curve(folder: Path) -> list:
    rows = workdir.read_jsonl(folder / "metrics.jsonl")
    return [[row["step"], row["loss"]] for row in rows]
