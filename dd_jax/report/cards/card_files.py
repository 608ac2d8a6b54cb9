"""The model card and the data card of a run, and the files that hold them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dd_jax.report.cards.data_card import data_card
from dd_jax.report.cards.model_card import model_card
from dd_jax.report.cards.path_texts import without_paths
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


def write(
    record: Record, folder: Path, config: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write `model_card.json` and `data_card.json` to a folder; returns their paths."""
    written = []
    for name, card in cards(record, config).items():
        text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
        disk.replace(folder / f"{name}.json", f"{text}\n".encode())
        written.append(folder / f"{name}.json")
    return written
