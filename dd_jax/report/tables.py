"""Tables of a run that are no audit's, and the overview of all runs."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.blocks import Badge, Table
from dd_jax.report.display_names import (
    KINDS,
    display_name,
    key_name,
    pipe_names,
    run_value,
)
from dd_jax.report.formats import Cell, decimal, format_value, percent, seconds
from dd_jax.report.path_texts import without_paths
from dd_jax.report.records import estimate
from dd_jax.report.verdict import Verdict
from dd_jax.types import Record

ELSEWHERE = ("versions", "class_names", "labels")  # of the run part
STAGES = {
    "experts": "training of experts",
    "teacher": "training of the teacher",
    "releases": "private releases",
    "distill": "distillation",
    "train": "training on the distilled set",
    "export": "training on the set in 8 bits",
    "quantization": "training on the set in 8 bits",
    "random_subset": "training on random subsets",
    "full_data": "training on full data",
    "dp_sgd": "DP-SGD on full data",
    "shadow_experts": "training of experts for shadows",
    "shadow_teacher": "training of teachers for shadows",
    "shadow_releases": "private releases for shadows",
    "shadow_distill": "shadow distillations",
    "shadows": "training of shadow models",
    "random_subset_shadows": "shadow models on random subsets",
    "full_data_shadows": "shadow models on full data",
    "dp_sgd_shadows": "shadow models by DP-SGD on full data",
    "early_networks": "networks for EL2N",
    "robustness": "attacks",
    "transfer": "other sets and networks for transfer",
    "compile": "compilation, partly in the above",
}


def cost(record: Record) -> Table | None:
    """Time and memory that the run took."""
    values = record.get("cost") or {}
    rows = [
        (stage_name(key.removesuffix("_seconds"), record), seconds(value))
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


def stage_name(name: str, record: Record) -> str:
    """What a stage of a run is called, by its key in `cost` without `_seconds`."""
    return STAGES.get(name) or display_name(name, record)


def settings(record: Record) -> Table:
    """What was run and on what; names in the config beneath their labels."""
    rows = [
        (key_name(key), _setting(record, key))
        for key in record["run"]
        if key not in ELSEWHERE
    ]
    return Table(("Run", ""), rows)


def _setting(record: Record, key: str) -> str | Cell:
    value = without_paths(record["run"][key])
    shown, raw = run_value(record, key), format_value(value)
    named = key in (*KINDS, "dataset") and record["run"][key] is not None
    return Cell(shown, raw) if named and raw != shown else shown


def plugins(record: Record) -> Table | None:
    """Names and labels of what the run used from outside this package."""
    labels = record["run"].get("labels") or {}
    columns = ("Plug-in", "")
    return Table(columns, list(labels.items())) if labels else None


def versions(record: Record) -> Table | None:
    """The software that made the run."""
    found = record["run"].get("versions") or {}
    return Table(("Version", ""), list(found.items())) if found else None


def overview(
    records: Sequence[Record],
    lines: Sequence[Sequence[Verdict]],
    most: int | None = None,
) -> Table:
    """One row per run: what it is, its headline numbers, its verdicts.

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
    pipes = pipe_names({p for r in records for p in r.get("accuracy") or ()})
    columns = (
        "Run",
        *map(key_name, varying),
        *(line.topic for line in lines[0]),
        *pipes.values(),
        "Worst class",
        "Strongest attack",
        "AUC",
        "TPR at 1 % FPR",
        "Accuracy under PGD",
    )
    rows = []
    for record, verdict in zip(records[:most], lines[:most], strict=True):
        attack, robust = headline.membership(record), headline.robustness(record)
        rows.append(
            (
                record["run"]["id"],
                *(run_value(record, name) for name in varying),
                *(Badge(line.level) for line in verdict),
                *(percent(headline.accuracy(record, pipe)) for pipe in pipes),
                percent(headline.worst_class(record)),
                display_name(attack.score, record, "score") if attack else "-",
                decimal(attack.auc if attack else None),
                percent(attack.tpr if attack else None),
                percent(robust.accuracy if robust else None),
            )
        )
    return Table(columns, rows)
