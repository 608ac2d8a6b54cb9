"""How often the search for backdoors is wrong, counted on Records."""

from collections.abc import Iterable

from dd_jax.report.intervals import clopper_pearson
from dd_jax.types import Record


def error_rates(records: Iterable[Record]) -> dict[str, dict]:
    """False accusations of clean sets, and backdoors that were not found.

    A Record with the part `backdoor` is of a poisoned set; its backdoor is found where
    the target is among the classes that the part `poison` accuses. Any accused class is
    a false accusation of a clean set. Records without `poison` are left out.

    Returns:
      `{false_accusations, missed}`, each `{mean, ci, n}` with 95 % Clopper-Pearson
      bounds; one without Records of its kind is left out.
    """
    wrong: dict[str, list[bool]] = {"false_accusations": [], "missed": []}
    for record in records:
        if not (searched := record.get("poison")):
            continue
        accused = searched["accused"]
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
