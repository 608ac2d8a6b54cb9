"""The `run` part of a Record: which run it is, and of what."""

from collections import Counter

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.distill.io import storage
from dd_jax.distill.set_size import data_bytes, set_bytes
from dd_jax.run.context import (
    AUDIT_PRECISION,
    RunContext,
    learns,
    model_settings,
    upsampled,
)
from dd_jax.run.methods import method_of
from dd_jax.run.mitigated import fairness_of
from dd_jax.run.variants import made_by
from dd_jax.runtime.devices import all_devices, devices_in_use, devices_of_each


def identity(run: RunContext, metadata: dict, notes: tuple[str, ...]) -> dict:
    """The `run` part of the Record."""
    config, data = run.config, run.dataset
    method, init = config.distill.method, config.distill.init
    if config.distill.load:
        method, init = made_by(metadata)
    elif not learns(config):
        init = None
    curvature = config.mitigate.curvature.weight
    stored = storage.load(run.folder / "synthetic.npz")
    size = metadata.get("stored_images", len(stored.images))
    of_set = set_bytes(stored, size)
    of_data = data_bytes(data.train.images, len(data.class_names))
    return {
        "id": run.folder.name,
        "seed": config.seed,
        "method": method or "loaded",
        "dataset": data.name,
        "class_names": list(data.class_names),
        "split": "validation" if data.validation else "test",
        "config": configs.changed(config),
        "arch": config.model.name,
        "width": model_settings(config).get("width"),
        "upsampled": upsampled(run),
        "ipc": size / len(data.class_names),
        "ratio": size / len(data.train.labels),
        "bytes": of_set,
        "byte_ratio": sum(of_set.values()) / of_data,
        "init": init,
        "num_classes": len(data.class_names),
        "adversarial": {
            "train": config.train.adversarial.eps,
            "distill": config.mitigate.robust.eps,
        }
        | ({"curvature": curvature} if curvature else {}),
        "precision": {"training": config.precision, "audits": AUDIT_PRECISION},
        "sets": config.sets,
        "nets": config.train.nets,
        "full_nets": config.train.full_nets,
        "device": device_kind(),
        "devices": len(all_devices()),
    } | {
        name: value
        for name, value in {
            "devices_of_a_set": _devices_of_a_set(run),
            "loaded": bool(config.distill.load),
            "data_notes": list(notes),
            "labels": labels(config),
            "fair": fairness_of(config, data),
        }.items()
        if value
    }


def device_kind() -> str:
    """The kind of device that runs of this process use, as Records name it."""
    return devices_in_use()[0].device_kind


def _devices_of_a_set(run: RunContext) -> int | None:
    """How many of several devices learned each set; None where there is one, or no set.

    One, where sets are as many as devices, or the method cannot divide its work.
    """
    config = run.config
    if len(all_devices()) == 1 or config.distill.load or not learns(config):
        return None
    return devices_of_each(config.sets, method_of(run, config.distill.method).splits)


def labels(config: ConfigDict) -> dict[str, str]:
    """Labels of what others registered; by kind too where two kinds have the name."""
    used = list(configs.used_entries(config))
    count = Counter(e.name for e in used)
    return {
        e.name if count[e.name] == 1 else f"{e.kind} {e.name}": e.label
        for e in used
        if e.origin
    }
