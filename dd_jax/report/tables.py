"""The report's tables: one function a table, from a Record to text."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.formats import (
    PIPE_NAMES,
    Shown,
    class_name,
    decimal,
    level,
    percent,
    plain,
    points,
    seconds,
    share,
    spoken,
)
from dd_jax.report.records import estimate, lookup
from dd_jax.report.verdict import Verdict
from dd_jax.types import Record

FPR_LEVELS = {"0.1": 1, "0.01": 1, "0.001": 2, "0.0001": 3}  # digits of a TPR there
LONG = ("versions", "class_names")  # of the run part, shown elsewhere
PRIORS = ("0.01", "0.1", "0.5")
STAGES = {
    "distill": "distillation",
    "train": "training on the distilled set",
    "export": "training on the set clipped to 8 bits",
    "random_subset": "training on random subsets",
    "full_data": "training on full data",
    "shadow_distill": "shadow distillations of the membership audit",
    "shadows": "training on the shadows' sets and baselines",
    "robustness": "attacks",
    "transfer": "other sets and networks for transfer",
    "compile": "compilation, partly in the above",
}


class Badge(NamedTuple):
    """The level of a verdict in a cell."""

    level: str


class Table(NamedTuple):
    """Header and rows; the first cell of a row is its heading."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Shown | Badge]]


def accuracy(record: Record) -> Table | None:
    """Accuracy of each pipeline, and after export, and its share of full data's."""
    full = headline.mean(headline.accuracy(record, "full_data"))
    values = {
        name: headline.accuracy(record, pipe) for pipe, name in PIPE_NAMES.items()
    }
    if (exported := headline.exported(record)) is not None:
        values["Distilled, clipped to 8 bits for export"] = exported
    rows = []
    for name, value in values.items():
        known = estimate(value)
        if known is None:
            rows.append((name, percent(None), "", ""))
            continue
        kept = ""
        if full is not None:
            kept = share(known["mean"] / full) if full > 0 else "undefined"
        rows.append((name, percent(value), kept, str(known["n"] or "")))
    columns = ("Trained on", "Accuracy", "Share of full data", "Nets or sets")
    return Table(columns, rows) if record.get("accuracy") else None


def fairness(record: Record) -> Table | None:
    """Class-wise fairness of each pipeline."""
    columns = {
        "Worst class": ("worst_class", percent),
        "Largest loss against full data": ("induced_drop", points),
        "Gap, best to worst": ("class_gap", points),
        "Spread (std)": ("class_std", points),
        "Worst 30 % of classes (CVaR)": ("cvar", percent),
        "Equalised odds, max": ("deo_max", points),
        "Equalised odds, mean": ("deo_mean", points),
    }

    def value(key: str, pipe: str) -> dict | None:
        if key == "induced_drop":
            return None if pipe == "full_data" else headline.induced_drop(record, pipe)
        return lookup(record, "fairness", pipe, key)

    pipes = [pipe for pipe in PIPE_NAMES if lookup(record, "fairness", pipe)]
    shown = {
        name: [
            show(value(key, pipe)) if estimate(value(key, pipe)) else ""
            for pipe in pipes
        ]
        for name, (key, show) in columns.items()
    }
    shown = {name: cells for name, cells in shown.items() if any(cells)}
    rows = [
        (PIPE_NAMES[pipe], *(cells[i] for cells in shown.values()))
        for i, pipe in enumerate(pipes)
    ]
    return Table(("Trained on", *shown), rows) if rows else None


def classes(record: Record) -> Table | None:
    """Accuracy of every class by pipeline, the means over nets that the bars show."""
    known = {
        name: values
        for pipe, name in PIPE_NAMES.items()
        if (values := lookup(record, "accuracy", pipe, "per_class"))
    }
    rows = [
        (class_name(record, c), *map(percent, row))
        for c, row in enumerate(zip_longest(*known.values()))
    ]
    return Table(("Class", *known), rows) if rows else None


def privacy(record: Record) -> Table | None:
    """Every membership attack on every pipeline, down to the resolved rates."""
    rows = [
        (
            Shown(PIPE_NAMES[pipe], f"{spoken(score)}; {threat.upper()}"),
            decimal(row.get("auc")),
            percent(row.get("balanced_accuracy")),
            *(
                percent(lookup(row, "tpr_at_fpr", fpr), digits)
                for fpr, digits in FPR_LEVELS.items()
            ),
            *(percent(lookup(row, "ppv", prior)) for prior in PRIORS),
        )
        for pipe in PIPE_NAMES
        for threat, scores in (lookup(record, "privacy", pipe) or {}).items()
        for score, row in (scores or {}).items()
        if row
    ]
    columns = (
        "Trained on, attack",
        "AUC",
        "Balanced accuracy",
        *(f"TPR at {level(fpr)} FPR" for fpr in FPR_LEVELS),
        *(f"PPV at prior {level(prior)}" for prior in PRIORS),
    )
    return Table(columns, rows) if rows else None


def cost(record: Record) -> Table | None:
    """Time and memory that the run took."""
    values = record.get("cost") or {}
    rows = [
        (STAGES.get(stage := key.removesuffix("_seconds"), stage), seconds(value))
        for key, value in values.items()
        if key.endswith("_seconds") and estimate(value)
    ]
    if values.get("steps_per_second") is not None:
        rows.append(
            ("distillation steps per second", f"{values['steps_per_second']:.3g}")
        )
    if values.get("peak_bytes") is not None:
        rows.append(("peak memory", f"{values['peak_bytes'] / 2**20:,.0f} MiB"))
    return Table(("Cost", ""), rows) if rows else None


def settings(record: Record) -> Table:
    """What was run and on what."""
    run = record["run"]
    rows = [(k.replace("_", " "), plain(v)) for k, v in run.items() if k not in LONG]
    return Table(("Run", ""), rows)


def versions(record: Record) -> Table | None:
    """The software that made the run."""
    found = record["run"].get("versions") or {}
    return Table(("Version", ""), list(found.items())) if found else None


def overview(
    records: Sequence[Record],
    lines: Sequence[Sequence[Verdict]],
    most: int | None = None,
) -> Table:
    """One row a run: what it is, its headline numbers, its verdicts.

    Args:
      records: of all runs.
      lines: the verdicts on each.
      most: rows, of the first runs; None for all.
    """
    names = ("method", "dataset", "arch", "ipc", "init", "num_classes", "seed")
    first = records[0]["run"]
    varying = [
        n for n in names if any(r["run"].get(n) != first.get(n) for r in records)
    ]
    varying = varying or ["method", "ipc"]
    columns = (
        "Run",
        *varying,
        *(line.topic for line in lines[0]),
        "Distilled",
        "Random subset",
        "Full data",
        "Worst class",
        "Strongest attack",
        "AUC",
        "TPR at 1 % FPR",
        "PGD accuracy",
    )
    rows = []
    for record, verdict in zip(records[:most], lines[:most], strict=True):
        attack, robust = headline.membership(record), headline.robustness(record)
        rows.append(
            (
                record["run"]["id"],
                *(plain(record["run"].get(name)) for name in varying),
                *(Badge(line.level) for line in verdict),
                *(percent(headline.accuracy(record, pipe)) for pipe in PIPE_NAMES),
                percent(headline.worst_class(record)),
                spoken(attack.score) if attack else "-",
                decimal(attack.auc if attack else None),
                percent(attack.tpr if attack else None),
                percent(robust.accuracy if robust else None),
            )
        )
    return Table(columns, rows)
