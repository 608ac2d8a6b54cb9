"""The model card of a run."""

from collections.abc import Mapping
from typing import Any

from dd_jax.report.cards import run_facts, uses
from dd_jax.report.cards.measurements import measurements, verdicts_of
from dd_jax.report.cards.regulation import ANNEX, with_map
from dd_jax.report.display_names import dataset_name
from dd_jax.types import Record

POINTS = {
    "record": ["Annex IV, 1(a)"],
    "intended_use": ["Annex IV, 1(a)", "Annex IV, 3"],
    "out_of_scope": ["Annex IV, 3"],
    "synthetic_set": ["Annex IV, 2(a)", "Annex IV, 2(b)"],
    "training": ["Annex IV, 2(a)", "Annex IV, 2(b)"],
    "data": ["Annex IV, 2(d)"],
    "measured.accuracy": ["Annex IV, 2(g)", "Annex IV, 3"],
    "measured.fairness": ["Annex IV, 2(g)", "Annex IV, 3"],
    "measured.membership": ["Annex IV, 3"],
    "measured.robustness": ["Annex IV, 2(g)"],
    "measured.differential_privacy": ["Annex IV, 2(b)", "Annex IV, 3"],
    "verdicts": ["Annex IV, 3", "Annex IV, 4"],
    "limits": ["Annex IV, 3", "Annex IV, 4"],
    "environment.versions": ["Annex IV, 1(c)"],
    "environment.device": ["Annex IV, 2(c)"],
    "cost": ["Annex IV, 2(c)"],
}


def model_card(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """What networks trained on the set are for, how they were made, what was measured.

    Args:
      record: one checked Record, without paths.
      config: of the run, without paths; empty where only the Record is known.

    Returns:
      JSON values; null where not measured.
    """
    run = record["run"]
    card = {
        "card": "model",
        "card_version": run_facts.CARD_VERSION,
        "record": run_facts.origin(record),
        "intended_use": list(uses.FOR_MODEL),
        "out_of_scope": list(uses.NOT_FOR_MODEL),
        "settings_are": run_facts.settings_are(record, config),
        "synthetic_set": run_facts.synthetic_set(record, config),
        "training": run_facts.training(record, config),
        "data": {
            "name": dataset_name(record),
            "classes": run["num_classes"],
            "class_names": run.get("class_names"),
        },
        "measured": measurements(record),
        "verdicts": verdicts_of(record),
        "limits": list(uses.LIMITS),
        "environment": run_facts.environment(record),
        "cost": record.get("cost"),
    }
    return with_map(card, POINTS, ANNEX)
