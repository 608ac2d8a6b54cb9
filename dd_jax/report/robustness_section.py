"""Tables of the images that attacks and corruptions disturb."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.figures import norm_curves
from dd_jax.report.formats import (
    NORMS,
    PIPE_NAMES,
    Shown,
    decimal,
    defined,
    percent,
    spoken,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.report.tables import Table
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
            Shown(PIPE_NAMES[pipe], spoken(attack)),
            *(percent(_percent_of(curve.get(eps))) for eps in radii),
        )
        for (pipe, attack), curve in curves.items()
    ]
    columns = ("Trained on, attack", *(f"{eps:.3g}" for eps in radii))
    return Table(columns, rows) if rows else None


def corruptions(record: Record) -> Table | None:
    """Accuracy on each corruption, the mean over severities above its range."""
    part = record.get("corruptions") or {}
    pipes = [pipe for pipe in PIPE_NAMES if part.get(pipe)]
    names = list(dict.fromkeys(name for pipe in pipes for name in part[pipe]))
    rows = [
        (name.replace("_", " "), *(_severities(part[pipe].get(name)) for pipe in pipes))
        for name in names
    ]
    if errors := part.get("mce"):
        of_full = [
            defined(errors[pipe], decimal, "undefined, full data make no error")
            if pipe in errors
            else decimal(None)
            for pipe in pipes
        ]
        rows.append(("mean corruption error, full data = 1", *of_full))
    columns = ("Corruption", *(PIPE_NAMES[pipe] for pipe in pipes))
    return Table(columns, rows) if pipes else None


def components(record: Record) -> Table | None:
    """What each component of an attack of several leaves, at every radius above 0."""
    rows = [
        (
            Shown(
                PIPE_NAMES[pipe], f"{spoken(attack)}, {row['norm']} {row['eps']:.3g}"
            ),
            ", ".join(
                f"{spoken(part)} {percent(value).text}"
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
    return (
        Table(("Trained on, attack", "Left after each in turn"), rows) if rows else None
    )


def transfer(record: Record) -> Table | None:
    """Accuracy under images made on other networks, at the radius nearest to 8/255.

    Its first row is that of clean images, where radius 0 was run.
    """
    rows = [row for row in record.get("transfer") or () if row["eps"] > 0]
    if not rows:
        return None
    near = min((row["eps"] for row in rows), key=lambda eps: abs(eps - headline.EPS))
    shown = {
        (row["source"] if row["eps"] else "", row["target"]): percent(
            row.get("accuracy")
        )
        for row in record["transfer"]
        if row["eps"] in (0, near)
    }
    groups = dict.fromkeys((*PIPE_NAMES, *(row["source"] for row in rows)))
    names = {group: PIPE_NAMES.get(group, spoken(group)) for group in groups}
    title = f"Made on, tried on; {spoken(rows[0]['attack'])} at {near:.3g}"
    lines = [
        (name, *(shown.get((source, target), "") for target in names))
        for source, name in [("", "Clean images"), *names.items()]
    ]
    lines = lines if any(lines[0][1:]) else lines[1:]
    return Table((title, *names.values()), lines)


def checks(record: Record) -> Table | None:
    """Sanity checks of the attacks, by pipeline."""
    rows = [
        (PIPE_NAMES[pipe], name.replace("_", " "), _check(value))
        for pipe in PIPE_NAMES
        for name, value in (lookup(record, "robustness", pipe, "checks") or {}).items()
    ]
    return Table(("Trained on", "Check", "Result"), rows) if rows else None


def secondary(record: Record, norm: str) -> Table | None:
    """Under all attacks of a norm: the weakest class, and other benchmarks' ratios."""
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
                        Shown(name, f"{norm} radius {row['eps']:.3g}"),
                        percent(row.get("accuracy")),
                        percent(min(known)),
                        of("rome"),
                        of("beard"),
                    )
                )
    columns = ("Trained on", "Right under all", "Weakest class", "ROME", "BEARD")
    return Table(columns, rows) if rows else None


def summaries(record: Record) -> Table | None:
    """Whole curves in one number: area under the worst case, median distances."""
    parts = {pipe: lookup(record, "robustness", pipe) or {} for pipe in PIPE_NAMES}
    named = lambda key: list(
        dict.fromkeys(n for p in parts.values() for n in p.get(key) or ())
    )
    found = [
        (f"Area under the curve of all {NORMS.get(norm, norm)} attacks", "area", norm)
        for norm in named("area")
    ]
    found += [
        (
            f"Median smallest distance, {NORMS.get(norm, norm)}, from above",
            "median_fall",
            norm,
        )
        for norm in named("median_fall")
    ]
    found += [
        (f"Median smallest distance, {spoken(name)}", "median_perturbation", name)
        for name in named("median_perturbation")
    ]
    rows = [
        (title, *(_median(part.get(key) or {}, name) for part in parts.values()))
        for title, key, name in found
    ]
    return Table(("Curve as one number", *PIPE_NAMES.values()), rows) if rows else None


def _median(found: dict, name: str) -> Shown:
    """Null is a median beyond all that was tried."""
    none = "more than half stand"
    return defined(found[name], decimal, none) if name in found else decimal(None)


def _severities(values: Sequence[dict] | None) -> Shown:
    """Mean over the severities, and the way from the mildest to the harshest."""
    means = [known["mean"] for value in values or () if (known := estimate(value))]
    if len(means) < 2:
        return percent(means[0] if means else None)
    ends = f"{percent(means[0]).text} to {percent(means[-1]).text}"
    return Shown(percent(sum(means) / len(means)).text, ends)


def _percent_of(value: dict | None) -> dict | None:
    """An accuracy under attack; of a single net with the interval over images."""
    if not isinstance(value, dict) or value.get("ci"):
        return value
    return value | {"ci": value.get("image_ci")}


def _check(value: bool | None) -> str:
    return "cannot tell" if value is None else "pass" if value else "warn"
