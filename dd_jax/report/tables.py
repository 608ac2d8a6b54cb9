"""The report's tables: one function a table, from a Record to text."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.figures import norm_curves
from dd_jax.report.formats import (
    PIPE_NAMES,
    THREAT_NAMES,
    Shown,
    decimal,
    level,
    percent,
    plain,
    seconds,
    share,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.report.verdict import Verdict
from dd_jax.types import Record

FPR_LEVELS = ("0.1", "0.01", "0.001", "0.0001")
LONG = ("versions", "class_names")  # of the run part, shown elsewhere
PRIORS = ("0.01", "0.1", "0.5")


class Table(NamedTuple):
    """Header and rows; the first cell of a row is its heading."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Shown]]


def accuracy(record: Record) -> Table | None:
    """Accuracy of each pipeline beside its difference from full data."""
    full = headline.mean(headline.accuracy(record, "full_data"))
    rows = []
    for pipe, name in PIPE_NAMES.items():
        value = headline.accuracy(record, pipe)
        known = estimate(value)
        if known is None:
            rows.append((name, percent(None), "", ""))
            continue
        kept = share(known["mean"] / full) if full else ""
        rows.append((name, percent(value), kept, str(known["n"] or "")))
    columns = ("Trained on", "Accuracy", "Share of full data", "Nets or sets")
    return Table(columns, rows) if record.get("accuracy") else None


def fairness(record: Record) -> Table | None:
    """Class-wise fairness of each pipeline."""
    columns = {
        "Worst class": lambda pipe: headline.worst_class(record, pipe),
        "Largest loss against full data": lambda pipe: (
            None if pipe == "full_data" else headline.induced_drop(record, pipe)
        ),
        "Gap, best to worst": lambda pipe: value("class_gap", pipe),
        "Spread (std)": lambda pipe: value("class_std", pipe),
        "Mean of worst classes (CVaR)": lambda pipe: value("cvar", pipe),
        "Equalised odds, max": lambda pipe: value("deo_max", pipe),
        "Equalised odds, mean": lambda pipe: value("deo_mean", pipe),
    }

    def value(key: str, pipe: str) -> dict | None:
        return lookup(record, "fairness", pipe, key)

    pipes = [pipe for pipe in PIPE_NAMES if pipe in (record.get("fairness") or {})]
    shown = {
        name: [percent(get(pipe)) if estimate(get(pipe)) else "" for pipe in pipes]
        for name, get in columns.items()
    }
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = [
        (PIPE_NAMES[pipe], *(cells[i] for cells in shown.values()))
        for i, pipe in enumerate(pipes)
    ]
    return Table(("Trained on", *shown), rows) if rows else None


def privacy(record: Record) -> Table | None:
    """Every membership attack on every pipeline, down to the resolved rates."""
    rows = [
        (
            Shown(PIPE_NAMES[pipe], f"{score}; {THREAT_NAMES.get(threat, threat)}"),
            decimal(row.get("auc")),
            percent(row.get("balanced_accuracy")),
            *(percent(lookup(row, "tpr_at_fpr", fpr)) for fpr in FPR_LEVELS),
            *(percent(lookup(row, "ppv", prior)) for prior in PRIORS),
            _rate(row.get("smallest_fpr")),
        )
        for pipe in PIPE_NAMES
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in scores.items()
    ]
    columns = (
        "Trained on, attack",
        "AUC",
        "Balanced accuracy",
        *(f"TPR at {level(fpr)} FPR" for fpr in FPR_LEVELS),
        *(f"PPV at prior {level(prior)}" for prior in PRIORS),
        "Smallest FPR",
    )
    return Table(columns, rows) if rows else None


def robustness(record: Record, norm: str) -> Table | None:
    """Accuracy under each attack of one norm, a column for each radius."""
    curves = {
        (pipe, attack): {row["eps"]: row["accuracy"] for row in rows}
        for pipe in PIPE_NAMES
        for attack, rows in norm_curves(
            lookup(record, "robustness", pipe) or {}, norm
        ).items()
    }
    radii = sorted({eps for curve in curves.values() for eps in curve})
    rows = [
        (Shown(PIPE_NAMES[pipe], attack), *(percent(curve.get(eps)) for eps in radii))
        for (pipe, attack), curve in curves.items()
    ]
    columns = ("Trained on, attack", *(f"{eps:.3g}" for eps in radii))
    return Table(columns, rows) if rows else None


def checks(record: Record) -> Table | None:
    """Sanity checks of the attacks, by pipeline."""
    rows = [
        (PIPE_NAMES[pipe], name.replace("_", " "), _check(value))
        for pipe in PIPE_NAMES
        for name, value in (lookup(record, "robustness", pipe, "checks") or {}).items()
    ]
    return Table(("Trained on", "Check", "Result"), rows) if rows else None


def cost(record: Record) -> Table | None:
    """Time and memory that the run took."""
    values = record.get("cost") or {}
    rows = [
        (key.removesuffix("_seconds").replace("_", " "), seconds(value))
        for key, value in values.items()
        if key.endswith("_seconds") and value is not None
    ]
    if values.get("steps_per_second") is not None:
        rows.append(
            ("distillation steps per second", f"{values['steps_per_second']:.3g}")
        )
    if values.get("peak_bytes") is not None:
        rows.append(("peak memory", f"{values['peak_bytes'] / 2**20:,.0f} MiB"))
    return Table(("Cost", ""), rows) if rows else None


def settings(record: Record) -> Table:
    """What was run, on what, with which versions."""
    run = record["run"]
    rows = [(k, plain(value)) for k, value in run.items() if k not in LONG]
    versions = (run.get("versions") or {}).items()
    return Table(("Run", ""), [*rows, *((k, plain(v)) for k, v in versions)])


def overview(records: Sequence[Record], lines: Sequence[Sequence[Verdict]]) -> Table:
    """One row a run: what it is, its headline numbers, its verdicts."""
    names = ("method", "dataset", "arch", "ipc", "init", "num_classes", "seed")
    first = records[0]["run"]
    varying = [
        n for n in names if any(r["run"].get(n) != first.get(n) for r in records)
    ]
    varying = varying or ["method", "ipc"]
    columns = (
        "Run",
        *varying,
        "Distilled",
        "Random subset",
        "Full data",
        "Worst class",
        "LiRA AUC",
        "TPR at 1 % FPR",
        "PGD accuracy",
        *(line.topic for line in lines[0]),
    )
    rows = []
    for record, verdict in zip(records, lines, strict=True):
        attack, robust = headline.membership(record), headline.robustness(record)
        rows.append(
            (
                record["run"]["id"],
                *(plain(record["run"].get(name)) for name in varying),
                *(percent(headline.accuracy(record, pipe)) for pipe in PIPE_NAMES),
                percent(headline.worst_class(record)),
                decimal(attack.auc if attack else None),
                percent(attack.tpr if attack else None),
                percent(robust.accuracy if robust else None),
                *(line.level for line in verdict),
            )
        )
    return Table(columns, rows)


def _rate(value: float | None) -> str:
    return "not measured" if value is None else f"{100 * value:.2g} %"


def _check(value: bool | None) -> str:
    return "cannot tell" if value is None else "pass" if value else "warn"
