"""Whether two commits distil the same images, bit for bit, by every method.

  python experiments/benchmarks/compare_commits.py OLD [NEW]

Each commit (NEW is the current one by default) is checked out beside the repository and
distils digits by each method that both know: 3 steps, 2 images a class, a ConvNet of
width 8. Printed is a Markdown table: method, whether `synthetic.npz` is bit-equal, else
the largest difference between its images, and the accuracy of both. About 3 minutes a
commit on two cores.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
ONE_COMMIT = """
import json, sys
from pathlib import Path
from dd_jax import config, distill, run

root = Path(sys.argv[1])
tiny = {
    "data.rows": 400, "model.width": 8, "distill.ipc": 2, "distill.steps": 3,
    "distill.batch_real": 16, "distill.mtt.experts": 2, "distill.mtt.max_start": 2,
    "distill.mtt.student_steps": 3, "train.epochs": 100, "train.nets": 2,
    "train.full_epochs": 1, "audits.privacy.enabled": False,
    "audits.robustness.enabled": False,
}
for method in sorted(distill.METHODS):
    made = config.override(config.default(), tiny | {"distill.method": method}, "tiny")
    record = run.run(made, root / method)
    (root / f"{method}.json").write_text(json.dumps(record["accuracy"]["distilled"]))
"""


def distilled(commit: str, root: Path) -> dict[str, tuple[dict, float]]:
    """Arrays and accuracy of the set of each method, as a commit makes them."""
    tree, out = root / "tree", root / "out"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "-q", "--detach", str(tree), commit], check=True)
    try:
        out.mkdir()
        command = [sys.executable, "-c", ONE_COMMIT, str(out)]
        subprocess.run(command, cwd=tree, check=True, stdout=sys.stderr)
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)
    found = {}
    for file in sorted(out.glob("*.json")):
        (path,) = (out / file.stem).glob("runs/*/synthetic.npz")
        with np.load(path) as arrays:
            kept = {name: arrays[name] for name in ("images", "labels", "lr")}
        found[file.stem] = kept, json.loads(file.read_text())["mean"]
    return found


def table(old: dict, new: dict) -> str:
    """The comparison in Markdown, one row a method."""
    lines = [
        "| method | bit-equal | largest difference | accuracy, old | new |",
        "|---|---|---|---|---|",
    ]
    for name in sorted(old.keys() & new.keys()):
        (before, first), (after, second) = old[name], new[name]
        equal = all(before[k].tobytes() == after[k].tobytes() for k in before)
        far = np.abs(before["images"] - after["images"]).max()
        lines.append(
            f"| {name} | {'yes' if equal else 'no'} | {far:.1e} | {first:.3f} | "
            f"{second:.3f} |"
        )
    return "\n".join(lines)


def main(old: str, new: str = "HEAD") -> None:
    """Prints the table for two commits."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name, commit in (("old", old), ("new", new)):
            place = Path(folder, name)
            place.mkdir()
            found.append(distilled(commit, place))
    print(table(*found))


if __name__ == "__main__":
    main(*sys.argv[1:])
