"""The model card and the data card of a run, and the files that hold them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dd_jax.report import one_record, run_folder
from dd_jax.report.cards.data_card import data_card
from dd_jax.report.cards.model_card import model_card
from dd_jax.report.path_texts import without_paths
from dd_jax.report.safe_text import presentable
from dd_jax.system import disk
from dd_jax.types import Record

MAKERS = {"model_card": model_card, "data_card": data_card}


def cards(record: Record, config: Mapping[str, Any] | None = None) -> dict[str, dict]:
    """Both cards of a run: what was not measured is null.

    Of texts that hold a path only the last part is kept.

    Args:
      record: one checked Record.
      config: of the run, nested as `config.json` has it. Without it, settings are those
        that the Record names: the ones that differ from their defaults.

    Returns:
      `{"model_card": ..., "data_card": ...}`, JSON values.

    Source: Mitchell et al., "Model cards for model reporting", 2019; Gebru et al.,
    "Datasheets for datasets", 2021. Theirs are texts of authors; these hold what a run
    measured, and null where only its owner knows.
    """
    record, config = presentable(without_paths([record, config or {}]))
    return {name: make(record, config) for name, make in MAKERS.items()}


def write(path: Path, folder: Path) -> list[Path]:
    """Write `model_card.json` and `data_card.json` of one run to a folder.

    Args:
      path: of the run, as `one_record.named` takes it.
      folder: made where there is none.

    Returns:
      The paths of the cards.

    Raises:
      InputError: there is no run, it is damaged, or there are several.
    """
    record = one_record.named(path, whole=True)
    written = []
    for name, card in cards(record, _config(path, record)).items():
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
        disk.replace(folder / f"{name}.json", f"{text}\n".encode())
        written.append(folder / f"{name}.json")
    return written


def _config(path: Path, record: Record) -> Mapping[str, Any]:
    """The whole config of a run, empty where its folder was not named or has none."""
    within = (path, path / "runs" / record["run"]["id"])
    files = [file for of in within if (file := of / "config.json").is_file()]
    found = run_folder.json_file(files[0]) if files else {}
    return found if isinstance(found, dict) else {}
