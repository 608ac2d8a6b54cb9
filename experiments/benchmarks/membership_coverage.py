"""How often intervals of membership figures hold the truth, and how wide they are.

  python experiments/benchmarks/membership_coverage.py           # rows, 5 minutes
  python experiments/benchmarks/membership_coverage.py --table   # the table, Markdown

400 simulated tables for each case: log-odds of `membership_signals.drawn`, scored by
the attacks of the package, and the intervals of `summarise`. Worlds: `null`, no leak;
`effect`, a mean gap of 0.7 widths; `drift`, the same with models that leak more or less
than others (standard deviation 0.3 widths), in which targets also depend on each other
through the shadows that they share. What intervals should hold is 0.5 or the level
under the null; else the mean AUC of all tables, and rates of the ROC of all tables
together.

`coverage` is the share of intervals that hold it. `width` is their mean width over what
would do if the law of the estimates were known: from their 2.5 to their 97.5 %
quantile.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import rows_command
from membership_signals import drawn

from dd_jax.audits.privacy import all_targets, summarise
from dd_jax.audits.privacy.roc import rates_at, roc

FILE = Path(__file__).parents[1] / "results" / "membership_coverage.rows"
TABLES = 400
SCORES = ("lira_online", "rmia", "loss")
SIZES = ((8, 300), (16, 600), (64, 600))  # models, points
WORLDS = {
    "null": {"gap": 0.0},
    "effect": {"gap": 0.7},
    "drift": {"gap": 0.7, "shared": 0.3},
}
FIGURES = {
    "AUC": ("auc",),
    "balanced accuracy": ("balanced_accuracy",),
    "TPR at 10 % FPR": ("tpr_at_fpr", "0.1"),
    "TPR at 1 % FPR": ("tpr_at_fpr", "0.01"),
}


def scored(
    score: str, models: int, points: int, world: str, tables: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and members of independent tables, each `[tables m n]`."""
    rng = np.random.default_rng(models)
    found = []
    for _ in range(tables):
        case = drawn(rng, models // 2, points, **WORLDS[world])
        found.append((np.asarray(all_targets(score, *case), float), case[2]))
    scores, member = zip(*found, strict=True)
    return np.stack(scores), np.stack(member)


def truths(world: str, means: dict, scores: np.ndarray, member: np.ndarray) -> dict:
    """What the interval of each figure should hold."""
    if world == "null":
        levels = {name: float(path[-1]) for name, path in FIGURES.items() if path[1:]}
        return {"AUC": 0.5, "balanced accuracy": 0.5} | levels
    whole = roc(scores, member)
    best = float(np.max(1 + whole.tpr - whole.fpr)) / 2
    known = {"AUC": float(np.mean(means["AUC"])), "balanced accuracy": best}
    return known | {
        name: rates_at(whole, float(path[-1]))[0]
        for name, path in FIGURES.items()
        if path[1:]
    }


def figure(summary: dict, path: tuple[str, ...]) -> dict:
    """One estimate of a summary."""
    for key in path:
        summary = summary[key]
    return summary


def measured(tables: int = TABLES) -> Iterator[dict]:
    """A row for each score, size, world and figure."""
    for score in SCORES:
        for models, points in SIZES:
            for world in WORLDS:
                case = scored(score, models, points, world, tables)
                found = [summarise(*t, seed=i) for i, t in enumerate(zip(*case))]
                each = {n: [figure(f, p) for f in found] for n, p in FIGURES.items()}
                means = {n: [e["mean"] for e in own] for n, own in each.items()}
                truth = truths(world, means, *case)
                for name, estimates in each.items():
                    low, high = np.array([e["ci"] for e in estimates]).T
                    needed = np.subtract(*np.quantile(means[name], [0.975, 0.025]))
                    yield {
                        "score": score,
                        "models": models,
                        "points": points,
                        "world": world,
                        "figure": name,
                        "tables": tables,
                        "truth": truth[name],
                        "mean": float(np.mean(means[name])),
                        "coverage": np.mean(
                            (low <= truth[name]) & (truth[name] <= high)
                        ),
                        "width": float(np.mean(high - low) / needed),
                    }


def table(rows: list[dict]) -> str:
    """Coverage in percent and relative width, a line a score and figure."""
    cells = {(r["score"], r["figure"], r["models"], r["world"]): r for r in rows}
    columns = [(models, world) for world in WORLDS for models, _ in SIZES]
    head = [f"{world}, {models}" for models, world in columns]
    lines = ["| coverage in %, width | " + " | ".join(head) + " |"]
    lines.append("|---" * (len(head) + 1) + "|")
    for score in SCORES:
        for name in FIGURES:
            own = [cells[score, name, *column] for column in columns]
            shown = [f"{100 * r['coverage']:.1f} {r['width']:.2f}" for r in own]
            lines.append(f"| {score}, {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    rows_command.run(__doc__, FILE, measured, table)
