"""How often the search for backdoors is wrong, counted on Records."""

from collections.abc import Iterable, Sequence

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.formats import Cell, percent
from dd_jax.report.intervals import clopper_pearson
from dd_jax.report.lines import pooled
from dd_jax.report.records import lookup
from dd_jax.types import Record

COLUMNS = (
    *("threshold", "clean sets", "accused", "poisoned sets", "missed"),
    *("success of the attack", "accuracy, poisoned", "accuracy, clean"),
)


def error_rates(
    records: Iterable[Record], threshold: float | None = None
) -> dict[str, dict]:
    """False accusations of clean sets, and backdoors that were not found.

    A Record with the part `backdoor` is of a poisoned set; its backdoor is found where
    the target is among the classes that the part `poison` accuses. Any accused class is
    a false accusation of a clean set. Records without `poison` are left out.

    Args:
      records: of clean and poisoned sets.
      threshold: of the anomaly index, by which classes are accused; default that of
        each run.

    Returns:
      `{false_accusations, missed}`, each `{mean, ci, n}` with 95 % Clopper-Pearson
      bounds; one without Records of its kind is left out.
    """
    wrong: dict[str, list[bool]] = {"false_accusations": [], "missed": []}
    for record in records:
        if not record.get("poison"):
            continue
        accused = _accused(record["poison"], threshold)
        if own := record.get("backdoor"):
            wrong["missed"].append(own["target"] not in accused)
        else:
            wrong["false_accusations"].append(bool(accused))
    return {
        kind: {
            "mean": sum(errors) / len(errors),
            "ci": list(clopper_pearson(sum(errors), len(errors))),
            "n": len(errors),
        }
        for kind, errors in wrong.items()
        if errors
    }


def _accused(part: dict, threshold: float | None) -> list[int]:
    if threshold is None:
        return part["accused"]
    index = (row.get("index") for row in part["classes"])
    return [c for c, i in enumerate(index) if i is not None and i < -threshold]


def by_threshold(
    records: Sequence[Record], thresholds: Iterable[float]
) -> Table | None:
    """Both errors by threshold, with what the backdoor does.

    Args:
      records: of clean and poisoned sets.
      thresholds: of the anomaly index.

    Returns:
      The table, its accuracies on evaluation images without a trigger; None without a
      search.
    """
    searched = [record for record in records if record.get("poison")]
    poisoned = [record for record in searched if record.get("backdoor")]
    clean = [record for record in searched if not record.get("backdoor")]
    success = [
        lookup(record, "backdoor", "distilled", "success") for record in poisoned
    ]
    accuracies = [
        percent(pooled([headline.accuracy(record, "distilled") for record in kind]))
        for kind in (poisoned, clean)
    ]
    rows = []
    for threshold in thresholds:
        found = error_rates(searched, threshold)
        errors = [_counted(found.get(k)) for k in ("false_accusations", "missed")]
        cells = (c for error in errors for c in error)
        rows.append((f"{threshold:g}", *cells, percent(pooled(success)), *accuracies))
    return Table(COLUMNS, rows) if searched else None


def _counted(errors: dict | None) -> tuple[str, str | Cell]:
    return (str(errors["n"]), percent(errors)) if errors else ("0", "-")
