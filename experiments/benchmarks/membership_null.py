"""Every membership score on models that leak nothing: AUC 0.5, and TPR equal to FPR.

  python experiments/benchmarks/membership_null.py           # rows, 7 minutes
  python experiments/benchmarks/membership_null.py --table   # the table, in Markdown

Independent tables of log-odds of `membership_signals.drawn` without a leak, whose
variances differ from point to point, at 8, 16 and 64 models and 600 points. For each
score: the mean AUC; the mean of TPR less 1 % at 1 % FPR, and of TPR less the achieved
FPR, with one threshold and with a threshold for each row; and standard errors over
tables.

The TPR at a level is high by about one member, since the threshold lies just above the
first non-member that is one too many. RMIA has ranks, of which many are equal when
targets are pooled, so that its achieved FPR is below the level. 64 models have few
tables, since a threshold for each row takes scores without each of 32 pairs; their
standard errors are rough.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rows_command
from membership_signals import drawn

from dd_jax.audits.privacy import (
    SCORES,
    all_targets,
    rates_at_row_thresholds,
    scores_without_pairs,
    summarise,
)

FILE = Path(__file__).parents[1] / "results" / "membership_null.rows"
TABLES = {8: 80, 16: 40, 64: 3}  # by models
POINTS, LEVEL, DEGREES = 600, "0.01", 6.0
FIGURES = ("auc", "pooled", "pooled_achieved", "per_row", "per_row_achieved")


def excess(score: str, world: tuple, seed: int) -> list[float]:
    """How far each of FIGURES is above what guessing gives."""
    values, member = np.asarray(all_targets(score, *world), float), world[2]
    found = summarise(values, member, seed=seed)
    others = scores_without_pairs(score, *world)
    rates = (found["tpr_at_fpr"], rates_at_row_thresholds(values, member, others))
    above = [found["auc"]["mean"] - 0.5]
    for rate in (each[LEVEL] for each in rates):
        above += [rate["mean"] - float(LEVEL), rate["mean"] - rate["achieved_fpr"]]
    return above


def measured() -> Iterator[dict]:
    """A row for each number of models and score."""
    for models, tables in TABLES.items():
        rng = np.random.default_rng(models)
        worlds = [
            drawn(rng, models // 2, POINTS, gap=0.0, degrees=DEGREES)
            for _ in range(tables)
        ]
        for score in SCORES:
            found = np.array([excess(score, w, i) for i, w in enumerate(worlds)])
            error = found.std(0, ddof=1) / np.sqrt(tables)
            row = {"score": score, "models": models, "points": POINTS, "tables": tables}
            for name, mean, spread in zip(FIGURES, found.mean(0), error, strict=True):
                row |= {name: float(mean), f"{name}_error": float(spread)}
            yield row


def table(rows: list[dict]) -> str:
    """AUC, and TPR less FPR in percent at 1 % FPR, each with its standard error."""
    lines = [
        "| score, models | AUC | TPR - 1 %, one threshold | TPR - FPR | "
        "TPR - 1 %, a threshold a row | TPR - FPR |",
        "|---" * 6 + "|",
    ]
    for row in rows:
        auc = f"{0.5 + row['auc']:.4f} +- {row['auc_error']:.4f}"
        rates = [
            f"{100 * row[name]:+.3f} +- {100 * row[f'{name}_error']:.3f}"
            for name in FIGURES[1:]
        ]
        lines.append(
            f"| {row['score']}, {row['models']} | {auc} | {' | '.join(rates)} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
