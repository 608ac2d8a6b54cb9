"""How a run was made: its set, its networks, its settings, versions and cost."""

from collections.abc import Mapping
from typing import Any

from dd_jax.report.display_names import dataset_name, display_name, run_value
from dd_jax.report.records import dotted
from dd_jax.types import Record

CARD_VERSION = 1  # raised when a field is renamed, moved or removed
OF_RECORD = ("id", "commit", "dirty", "results_version", "seed")
OF_SET = ("distill.", "sets", "mitigate.", "backdoor.", "dp.")
OF_TRAINING = ("model.", "train.", "precision")
ENVIRONMENT = ("device", "devices", "versions")


def origin(record: Record) -> dict[str, Any]:
    """Which Record a card was made from."""
    return {key: record["run"].get(key) for key in OF_RECORD}


def synthetic_set(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """How the set was made: method, initialisation, size, steps, settings."""
    run, settings = record["run"], _settings(record, config)
    init, known = run["init"], settings_are(record, config)
    first, _, public = (init or "").partition(":")
    return {
        "method": run["method"],
        "method_name": run_value(record, "method"),
        "init": first or None,
        "init_name": display_name(first, record, "init") if first else None,
        "public_data": dataset_name({"run": {"dataset": public}}) if public else None,
        "loaded": bool(settings.get("distill.load")) if known else None,
        "images_per_class": run["ipc"],
        "images": round(run["ipc"] * run["num_classes"]),
        "ratio_to_train": run.get("ratio"),
        "bytes": run.get("bytes"),
        "byte_ratio_to_train": run.get("byte_ratio"),
        "steps": settings.get("distill.steps"),
        "sets": run.get("sets"),
        "settings": _of(settings, OF_SET),
    }


def training(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """How networks were trained on the set."""
    run = record["run"]
    keys = ("width", "upsampled", "precision", "adversarial")
    return {
        "architecture": run["arch"],
        "architecture_name": display_name(run["arch"], record, "model"),
        "networks": run.get("nets"),
        "networks_on_full_data": run.get("full_nets"),
        **{key: run.get(key) for key in keys},
        "settings": _of(_settings(record, config), OF_TRAINING),
    }


def settings_of_data(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """How the data were prepared."""
    return _of(_settings(record, config), ("data.",))


def settings_are(record: Record, config: Mapping[str, Any]) -> str | None:
    """Which settings a card holds: all, or those changed; null where none are known."""
    if config:
        return "all"
    return None if record["run"].get("config") is None else "changed from defaults"


def environment(record: Record) -> dict[str, Any]:
    """Device and versions."""
    return {key: record["run"].get(key) for key in ENVIRONMENT}


def _settings(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    return dict(dotted(config)) or dict(record["run"].get("config") or {})


def _of(settings: Mapping[str, Any], starts: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.startswith(starts)}
