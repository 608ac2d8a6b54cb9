"""The data card of a run: the data set, and the synthetic set made from it."""

from collections.abc import Mapping
from typing import Any

from dd_jax.report.cards import run_facts, uses
from dd_jax.report.cards.measurements import measurements
from dd_jax.report.cards.regulation import ANNEX, ARTICLE, with_map
from dd_jax.report.data_advice import advice
from dd_jax.report.display_names import dataset_name
from dd_jax.report.records import lookup
from dd_jax.types import Record

SPLITS = ("train", "validation", "test")
FOUND = ("classes", "imbalance", "groups", "images", "duplicates", "compared")
OWNER = (  # what no measurement finds
    "collection",
    "original_purpose",
    "labelling",
    "licence",
    "legal_basis",
    "place_and_population",
    "special_categories",
)
POINTS = {
    "intended_use": ["Article 10(2)(d)"],
    "out_of_scope": ["Article 10(2)(d)"],
    "from_the_owner.collection": ["Article 10(2)(b)"],
    "from_the_owner.original_purpose": ["Article 10(2)(b)"],
    "from_the_owner.labelling": ["Article 10(2)(c)"],
    "from_the_owner.place_and_population": ["Article 10(4)"],
    "from_the_owner.special_categories": ["Article 10(5)"],
    "preparation": ["Article 10(2)(c)"],
    "rows": ["Article 10(2)(e)", "Article 10(3)"],
    "classes": ["Article 10(2)(e)", "Article 10(3)"],
    "imbalance": ["Article 10(2)(f)", "Article 10(3)"],
    "groups": ["Article 10(2)(f)", "Article 10(3)"],
    "images": ["Article 10(2)(h)"],
    "duplicates": ["Article 10(2)(h)", "Article 10(3)"],
    "advice": ["Article 10(2)(h)"],
    "synthetic_set": ["Annex IV, 2(d)"],
    "measured.fairness": ["Article 10(2)(f)"],
    "limits": ["Article 10(2)(h)"],
}
ON_DATA = [*ARTICLE, *(point for point in ANNEX if point.endswith("2(d)"))]


def data_card(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """What the data are, how the set was made from them, what the set leaks.

    Args:
      record: one checked Record, without paths.
      config: of the run, without paths; empty where only the Record is known.

    Returns:
      JSON values; null where not measured. What only the owner of the data knows is
      null under `from_the_owner`.
    """
    run = record["run"]
    measured = measurements(record)
    kept = ("fairness", "membership", "differential_privacy")
    card = {
        "card": "data",
        "card_version": run_facts.CARD_VERSION,
        "record": run_facts.origin(record),
        "name": dataset_name(record),
        "source": run["dataset"].partition(" (")[0].partition(":")[0],
        "intended_use": list(uses.FOR_DATA),
        "out_of_scope": list(uses.NOT_FOR_DATA),
        "from_the_owner": dict.fromkeys(OWNER),
        "settings_are": run_facts.settings_are(record, config),
        "preparation": run_facts.settings_of_data(record, config),
        "class_names": run.get("class_names"),
        "rows": _rows(record),
        **{key: lookup(record, "data", key) for key in FOUND},
        "advice": advice(record["data"]) if record.get("data") else None,
        "synthetic_set": run_facts.synthetic_set(record, config),
        "measured": {key: measured[key] for key in ("unit", *kept)},
        "limits": list(uses.LIMITS),
        "environment": run_facts.environment(record),
    }
    return with_map(card, POINTS, ON_DATA)


def _rows(record: Record) -> dict[str, int | None]:
    """Rows of each split; without an audit of the data those of train, by the ratio."""
    run = record["run"]
    classes = lookup(record, "data", "classes") or []
    found = {
        split: sum(row[split] for row in classes)
        if classes and split in classes[0]
        else None
        for split in SPLITS
    }
    if not classes and run.get("ratio"):
        found["train"] = round(run["ipc"] * run["num_classes"] / run["ratio"])
    return found
