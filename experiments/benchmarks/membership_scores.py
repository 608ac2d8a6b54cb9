"""LiRA, RMIA, BASE and BaVarIA at 8, 16, 32 and 64 shadows: drawn and trained signals.

  python experiments/benchmarks/membership_scores.py           # rows, 3 minutes
  python experiments/benchmarks/membership_scores.py --table   # the table, in Markdown

Signals: `equal`, Gaussian log-odds of one variance; `varied`, of variances that differ
from point to point (inverse gamma, 6 degrees of freedom), 2,000 points each, of which
most leak little and a few much; `digits`, MLPs trained on halves of the embedded digits
for 200 epochs. A model is the target with all others but its complement as shadows.
Each number is the mean over tables, which are independent for drawn signals and
disjoint groups of 66 trained models for digits, with its standard error over them where
there is more than one. The TPR is at the largest FPR of at most 1 %, of all targets
pooled.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rows_command
from membership_signals import drawn, trained

from dd_jax.audits.privacy import all_targets
from dd_jax.audits.privacy.roc import auc, tpr_at_fpr

FILE = Path(__file__).parents[1] / "results" / "membership_scores.rows"
TABLES = {8: 30, 16: 16, 32: 8, 64: 4}  # of drawn signals, by shadows
POINTS, LEVEL = 2000, 0.01
DRAWN = {"equal": np.inf, "varied": 6.0}
FIXED, OWN = {"variance": "fixed"}, {"variance": "per_example"}
ONLINE = {
    "LiRA, fixed": ("lira_online", FIXED),
    "LiRA, per example": ("lira_online", OWN),
    "BaVarIA-t": ("bavaria", {"form": "t"}),
    "BaVarIA-n": ("bavaria", {"form": "n"}),
    "RMIA": ("rmia", {}),
    "BASE": ("base", {}),
}
OFFLINE = {
    "LiRA, offline, fixed": ("lira_offline", FIXED),
    "LiRA, offline, per example": ("lira_offline", OWN),
    "BaVarIA-t, offline": ("bavaria_offline", {"form": "t"}),
    "BaVarIA-n, offline": ("bavaria_offline", {"form": "n"}),
    "RMIA, offline, a=0.3": ("rmia", {"a": 0.3}),
    "BASE, offline, scale=0.33": ("base", {"scale": 0.33}),
}


def tables(shadows: int) -> Iterator[tuple[str, list]]:
    """Name and independent tables of each kind of signals."""
    pairs = (shadows + 2) // 2
    for name, degrees in DRAWN.items():
        rng = np.random.default_rng(shadows)
        yield (
            name,
            [
                drawn(rng, pairs, POINTS, degrees=degrees)
                for _ in range(TABLES[shadows])
            ],
        )


def groups_of(signals: tuple, models: int) -> list:
    """Disjoint groups of models, as many as there are."""
    logits, labels, member = signals
    starts = range(0, len(member) - models + 1, models)
    return [(logits[s : s + models], labels, member[s : s + models]) for s in starts]


def figures(world: tuple, score: str, options: dict) -> tuple[float, float]:
    """Mean AUC over targets, and the pooled TPR."""
    values, member = np.asarray(all_targets(score, *world, **options)), world[2]
    areas = [auc(*row) for row in zip(values, member, strict=True)]
    return float(np.mean(areas)), tpr_at_fpr(values, member, LEVEL)[0]


def measured() -> Iterator[dict]:
    """A row for each signals, number of shadows and score."""
    digits = trained(33, 200)
    for shadows in TABLES:
        groups = groups_of(digits, shadows + 2)
        for name, worlds in [*tables(shadows), ("digits", groups)]:
            for label, (score, options) in (ONLINE | OFFLINE).items():
                found = np.array([figures(w, score, options) for w in worlds])
                error = (
                    found.std(0, ddof=1) / np.sqrt(len(found))
                    if len(found) > 1
                    else None
                )
                yield {
                    "signals": name,
                    "shadows": shadows,
                    "score": label,
                    "tables": len(found),
                    "auc": found.mean(0)[0],
                    "tpr": found.mean(0)[1],
                    "auc_error": None if error is None else error[0],
                    "tpr_error": None if error is None else error[1],
                }


def table(rows: list[dict]) -> str:
    """AUC and TPR in percent; best of each column in bold, online and offline apart."""
    signals = [*DRAWN, "digits"]
    columns = [(name, count) for name in signals for count in TABLES]
    cells = {(r["score"], r["signals"], r["shadows"]): r for r in rows}
    head = [f"{name}, {count}" for name, count in columns]
    lines = [
        "| AUC, TPR at 1 % FPR | " + " | ".join(head) + " |",
        "|---" * (len(head) + 1) + "|",
    ]
    for kind in (ONLINE, OFFLINE):
        best = {
            (column, figure): max(
                round(cells[score, *column][figure], 3) for score in kind
            )
            for column in columns
            for figure in ("auc", "tpr")
        }

        def shown(score: str, column: tuple, figure: str, best: dict = best) -> str:
            value = cells[score, *column][figure]
            text = f"{value:.3f}" if figure == "auc" else f"{100 * value:.1f}"
            return f"**{text}**" if round(value, 3) == best[column, figure] else text

        for score in kind:
            found = [
                f"{shown(score, column, 'auc')} {shown(score, column, 'tpr')}"
                for column in columns
            ]
            lines.append(f"| {score} | " + " | ".join(found) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
