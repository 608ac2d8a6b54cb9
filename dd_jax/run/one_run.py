"""The composition root: one config in, one Record and its files out."""

import json
import shutil
from contextlib import suppress
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.audits import fairness
from dd_jax.distill.io import foreign_metadata as foreign
from dd_jax.distill.io import storage
from dd_jax.report import completed
from dd_jax.run import exposure, learning, portability, resemblance, resilience
from dd_jax.run import stages as compose
from dd_jax.run.cached import summarised
from dd_jax.run.context import (
    Parts,
    dataset,
    fingerprint,
    has_privacy,
    learns,
    model_settings,
    upsampled,
    whitening,
)
from dd_jax.run.context import parts as build_parts
from dd_jax.run.set_metadata import described
from dd_jax.run.validation import check, forecast
from dd_jax.run.variants import made_by
from dd_jax.runtime import compilation_cache as compiled
from dd_jax.runtime.checkpoint import Checkpoints
from dd_jax.runtime.loop import Diverged
from dd_jax.runtime.parallel import devices_in_use, spread
from dd_jax.system import disk, locks, workdir
from dd_jax.system.locks import Busy
from dd_jax.system.paths import expanded
from dd_jax.train import predictions
from dd_jax.types import InputError, Record, SyntheticSet

__all__ = ["Busy", "Diverged", "forecast", "notes", "record_of", "run", "run_id"]


def run_id(config: ConfigDict) -> str:
    """The id of the run of a valid config, once its data pass `check`."""
    check(config)
    return configs.run_id(config, fingerprint(config))


def notes(config: ConfigDict) -> tuple[str, ...]:
    """What loading data and sets did that a user may not expect, a line each."""
    sets = filter(None, (config.distill.load, *config.audits.transfer.sets))
    done = [(path, foreign.converted(storage.load(path))) for path in sets]
    return dataset(config).notes + tuple(
        f"{path}: {words}" for path, all_words in done for words in all_words
    )


def record_of(run_id: str, root: str | Path) -> Record | None:
    """The Record of a finished run of a working directory, else None."""
    folder = workdir.run_dir(root, run_id)
    record = completed.record_of(folder)
    if record:  # its checkpoints have no further use
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return record


def run(config: ConfigDict, root: str | Path = "runs_out/notebook") -> Record:
    """Distils, trains, audits and writes all of it under `root/runs/RUN_ID`.

    A finished run is read back and not run again; an unfinished one goes on from its
    last checkpoint, to the same bits as if it had never stopped.

    Args:
      config: a config as `dd_jax.config.default()` makes it.
      root: the working directory.

    Returns:
      The Record.

    Raises:
      InputError: bad config or data, before any compute.
      Busy: another process runs it now.
      Diverged: a loss stopped being finite; `status.json` says so.
      WriteError: the disk is full, or refuses a file for another reason.
    """
    configs.validate(config)
    root, name = expanded(root), run_id(config)
    if record := record_of(name, root):
        return record
    folder = workdir.run_dir(root, name)
    with locks.alone(folder), spread(config.devices):
        if record := record_of(name, root):  # another process was faster
            return record
        disk.sweep(folder, ours=True)
        _complete(config, folder, root / "cache")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return workdir.read_json(folder / "record.json")


def _complete(config: ConfigDict, folder: Path, cache: Path) -> None:
    """Runs what is left of a run; `status.json` says how it ends."""
    compiled.keep()
    parts = build_parts(config, folder, cache)
    found = workdir.provenance()  # of the code that is loaded, not of a later commit
    workdir.write_json(folder / "config.json", json.loads(config.to_json()))
    workdir.write_status(folder, "running")
    try:
        record = _measure(parts)
        if configs.run_id(config, fingerprint(config)) != folder.name:
            raise InputError("data or a loaded set changed during the run; run again")
        record["run"] |= found | {"results_version": configs.RESULTS_VERSION}
        workdir.write_json(folder / "record.json", record)
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


def _measure(parts: Parts) -> Record:
    """All stages in turn; each goes on from its checkpoint."""
    whitening(parts.config)  # fitted here, not inside of a compiled function
    audits = parts.config.audits
    learned = learning.measure(parts, summarised(parts, "distilled"))
    sets, seconds = compose.synthetic_sets(parts)
    metadata = _save_sets(parts, sets)
    networks = {
        "distilled": compose.networks_on_sets(parts, sets),
        "random_subset": compose.networks_on_subsets(parts),
        "full_data": compose.networks_on_full_data(parts),
    }
    Checkpoints(parts.folder / "model").save(0, 0.0, networks)
    predicted = {
        pipe: predictions(parts.model, params, jax.numpy.asarray(parts.judged.images))
        for pipe, params in networks.items()
    }
    record: Record = {"accuracy": _accuracy(parts, predicted)}
    if learned:
        last = {"step": parts.config.distill.steps, "seconds": seconds}
        estimate = {k: record["accuracy"]["distilled"][k] for k in ("mean", "ci", "n")}
        record["learning"] = [*learned, last | {"accuracy": estimate}]
    curves = {"distil": _distil_curve(parts)}
    if audits.fairness.enabled:
        record["fairness"] = _fairness(parts, predicted)
    if audits.quantization.enabled:
        record["export"] = portability.measure(
            parts, sets, predicted["distilled"], summarised(parts, "distilled")
        )
    record |= resilience.measure(parts, networks, sets)
    if audits.memorisation.enabled:
        record["memorisation"] = resemblance.measure(parts, sets)
    if has_privacy(parts.config):
        record["privacy"], curves["roc"] = exposure.measure(parts)
    workdir.write_json(parts.folder / "curves.json", curves)
    steps = parts.config.distill.steps * parts.config.sets
    record["cost"] = parts.cost.record(steps)
    record["artifacts"] = {
        path.stem: path.name
        for path in sorted(parts.folder.iterdir())
        if path.suffix in (".npz", ".jsonl", ".png") or path.name == "curves.json"
    }
    return {"run": _identity(parts, metadata)} | record


def _accuracy(parts: Parts, predicted: dict[str, np.ndarray]) -> dict:
    labels, classes = parts.judged.labels, len(parts.dataset.class_names)
    record = {}
    for pipe, rows in predicted.items():
        per_class = fairness.per_class_accuracy(rows, labels, classes).mean(0)
        estimate = summarised(parts, pipe)((rows == labels).mean(1))
        record[pipe] = estimate | {"per_class": per_class.tolist()}
    return record


def _fairness(parts: Parts, predicted: dict[str, np.ndarray]) -> dict:
    labels, classes = parts.judged.labels, len(parts.dataset.class_names)
    of_full = fairness.per_class_accuracy(predicted["full_data"], labels, classes)
    return {
        pipe: fairness.record(
            rows,
            labels,
            classes,
            summarised(parts, pipe),
            groups=parts.judged.groups,
            full=None if pipe == "full_data" else of_full.mean(0),
        )
        for pipe, rows in predicted.items()
    }


def _save_sets(parts: Parts, sets: SyntheticSet) -> dict:
    """Writes each set, the first one's picture, and returns the first's metadata."""
    from dd_jax.report.figures import image_grid  # matplotlib: dry runs do without

    metadata = described(parts, sets)
    for i in range(len(sets.images)):
        arrays = (np.asarray(leaf[i]) for leaf in (sets.images, sets.labels, sets.lr))
        name = "synthetic.npz" if i == 0 else f"synthetic_{i}.npz"
        storage.save(parts.folder / name, SyntheticSet(*arrays, metadata))
    if fitted := whitening(parts.config):
        workdir.write_npz(parts.folder / "zca.npz", **fitted._asdict())
    picture = image_grid(np.asarray(sets.images[0]), np.asarray(sets.labels[0]))
    disk.replace(parts.folder / "images.png", picture)
    return metadata


def _distil_curve(parts: Parts) -> list:
    rows = workdir.read_jsonl(parts.folder / "metrics.jsonl")
    return [[row["step"], row["loss"]] for row in rows]


def _identity(parts: Parts, metadata: dict) -> dict:
    """The `run` part of the Record."""
    config, data = parts.config, parts.dataset
    method, init = config.distill.method, config.distill.init
    if config.distill.load:
        method, init = made_by(metadata)
    elif not learns(config):
        init = None
    decoded = len(storage.load(parts.folder / "synthetic.npz").images)
    size = metadata.get("stored_images", decoded)
    return {
        "id": parts.folder.name,
        "seed": config.seed,
        "method": method or "loaded",
        "dataset": data.name,
        "class_names": list(data.class_names),
        "split": "validation" if data.validation else "test",
        "config": configs.changed(config),
        "arch": config.model.name,
        "width": model_settings(config).get("width"),
        "upsampled": upsampled(parts),
        "ipc": size / len(data.class_names),
        "ratio": size / len(data.train.labels),
        "init": init,
        "num_classes": len(data.class_names),
        "adversarial": {
            "train": config.train.adversarial.eps,
            "distill": config.mitigate.robust.eps,
        },
        "sets": config.sets,
        "nets": config.train.nets,
        "full_nets": config.train.full_nets,
        "device": devices_in_use()[0].device_kind,
        "devices": len(devices_in_use()),
    } | ({"data_notes": list(found)} if (found := notes(config)) else {})
