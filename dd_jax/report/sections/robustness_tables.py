"""Tables of robust accuracy: attacks, checks, components, curves in one number."""

from collections.abc import Mapping

from dd_jax.report.blocks import Table
from dd_jax.report.display_names import NORMS, PIPE_NAMES, display_name, pipe_names
from dd_jax.report.formats import Cell, decimal, defined, percent
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record


def attacked(record: Record, norm: str) -> Table | None:
    """Accuracy under each attack of one norm, a column for each radius."""
    curves = {
        (pipe, attack): {row["eps"]: row.get("accuracy") for row in rows}
        for pipe in PIPE_NAMES
        for attack, rows in norm_curves(
            lookup(record, "robustness", pipe) or {}, norm
        ).items()
    }
    radii = sorted({eps for curve in curves.values() for eps in curve})
    rows = [
        (
            Cell(PIPE_NAMES[pipe], display_name(attack, record, "attack")),
            *(percent(_percent_of(curve.get(eps))) for eps in radii),
        )
        for (pipe, attack), curve in curves.items()
    ]
    columns = ("Training data, attack", *(f"{eps:.3g}" for eps in radii))
    return Table(columns, rows) if rows else None


def components(record: Record) -> Table | None:
    """Robust accuracy after each component of an ensemble, at every radius above 0."""
    rows = [
        (
            Cell(PIPE_NAMES[pipe], _attack_at(record, attack, row)),
            ", ".join(
                f"{display_name(part, record, 'attack')} {percent(value).text}"
                for part, value in row["components"].items()
            ),
        )
        for pipe in PIPE_NAMES
        for attack, found in (
            lookup(record, "robustness", pipe, "attacks") or {}
        ).items()
        for row in found or ()
        if row["eps"] > 0 and row.get("components")
    ]
    columns = ("Training data, attack", "Robust accuracy after each component in turn")
    return Table(columns, rows) if rows else None


def _attack_at(record: Record, attack: str, row: dict) -> str:
    norm = NORMS.get(row["norm"], row["norm"])
    return f"{display_name(attack, record, 'attack')}, {norm} {row['eps']:.3g}"


def checks(record: Record) -> Table | None:
    """Checks for gradient masking, by training data."""
    rows = [
        (PIPE_NAMES[pipe], name.replace("_", " "), _check(value))
        for pipe in PIPE_NAMES
        for name, value in (lookup(record, "robustness", pipe, "checks") or {}).items()
    ]
    return Table(("Training data", "Check", "Result"), rows) if rows else None


def secondary(record: Record, norm: str) -> Table | None:
    """Under all attacks of a norm: worst class, and the ratios of other benchmarks."""
    rows = []
    for pipe, name in PIPE_NAMES.items():
        part = lookup(record, "robustness", pipe) or {}
        ratios = {
            row["eps"]: row for row in part.get("ratios") or () if row["norm"] == norm
        }
        for row in part.get("worst_case") or ():
            known = [value for value in row.get("per_class") or () if value is not None]
            if row["norm"] == norm and row["eps"] > 0 and known:
                ratio = ratios.get(row["eps"])
                of = lambda name, ratio=ratio: (
                    defined(ratio.get(name), decimal, "undefined")
                    if ratio
                    else decimal(None)
                )
                rows.append(
                    (
                        Cell(name, f"{NORMS.get(norm, norm)} radius {row['eps']:.3g}"),
                        percent(row.get("accuracy")),
                        percent(min(known)),
                        of("rome"),
                        of("beard"),
                    )
                )
    columns = ("Training data", "Under all attacks", "Worst class", "ROME", "BEARD")
    return Table(columns, rows) if rows else None


def groups(record: Record, norm: str) -> Table | None:
    """Under all attacks of a norm: the accuracy of each group, of the worst first."""
    rows = [
        (
            Cell(name, f"{NORMS.get(norm, norm)} radius {row['eps']:.3g}"),
            percent(_percent_of(row.get("accuracy"))),
            ", ".join(f"{group}: {percent(value).text}" for group, value in known),
        )
        for pipe, name in PIPE_NAMES.items()
        for row in lookup(record, "robustness", pipe, "worst_case") or ()
        if row["norm"] == norm and (known := _rising(row.get("by_group")))
    ]
    columns = ("Training data", "Under all attacks", "Each group, the worst first")
    return Table(columns, rows) if rows else None


def _rising(by_group: Mapping | None) -> list[tuple[str, dict]]:
    """Groups and their accuracy, by that, of those that have one."""
    known = {group: estimate(value) for group, value in (by_group or {}).items()}
    measured = [(group, value) for group, value in known.items() if value]
    return sorted(measured, key=lambda found: found[1]["mean"])


def summaries(record: Record) -> Table | None:
    """Curves in one number: area under robust accuracy, median smallest distances."""
    names = pipe_names(record.get("robustness") or {})
    parts = {pipe: lookup(record, "robustness", pipe) or {} for pipe in names}
    named = lambda key: list(
        dict.fromkeys(n for p in parts.values() for n in p.get(key) or ())
    )
    found = [
        (f"Area under the curve of all {NORMS.get(norm, norm)} attacks", "area", norm)
        for norm in named("area")
    ]
    found += [
        (
            f"Median smallest distance, {NORMS.get(norm, norm)}, upper bound",
            "median_fall",
            norm,
        )
        for norm in named("median_fall")
    ]
    found += [
        (
            f"Median smallest distance, {display_name(name, record, 'attack')}",
            "median_perturbation",
            name,
        )
        for name in named("median_perturbation")
    ]
    rows = [
        (title, *(_median(part.get(key) or {}, name) for part in parts.values()))
        for title, key, name in found
    ]
    return Table(("Summary of the curve", *names.values()), rows) if rows else None


def _median(found: dict, name: str) -> Cell:
    """Null is a median above the largest radius that was tried."""
    none = "above the largest radius"
    return defined(found[name], decimal, none) if name in found else decimal(None)


def _percent_of(value: dict | None) -> dict | None:
    """An accuracy under attack; of a single net with the interval over images."""
    if not isinstance(value, dict) or value.get("ci"):
        return value
    return value | {"ci": value.get("image_ci")}


def _check(value: bool | None) -> str:
    return "cannot tell" if value is None else "pass" if value else "warn"


def norm_curves(robustness: Mapping, norm: str) -> dict[str, list[dict]]:
    """Rows `{eps, norm, accuracy}` of one norm by attack, by rising `eps`."""
    chosen = {
        attack: sorted((r for r in rows if r["norm"] == norm), key=lambda r: r["eps"])
        for attack, rows in (robustness.get("attacks") or {}).items()
        if rows
    }
    return {attack: rows for attack, rows in chosen.items() if rows}
