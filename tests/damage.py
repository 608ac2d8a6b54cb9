"""What can happen to files on a disk: bits flip, ends are lost, files go."""

from pathlib import Path

import numpy as np

HARMS = ("flip", "cut", "empty", "delete", "overwrite")


def harm_one(rng: np.random.Generator, folder: Path, kind: str) -> str:
    """Harms one file below a folder, larger ones more often; says what and where."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sizes = np.sqrt([path.stat().st_size + 1 for path in files])
    path = files[rng.choice(len(files), p=sizes / sizes.sum())]
    harm(rng, path, kind)
    return f"{kind} {path.relative_to(folder)}"


def harm(rng: np.random.Generator, path: Path, kind: str) -> None:
    """Harms one file."""
    content = bytearray(path.read_bytes())
    at = int(rng.integers(max(len(content), 1)))
    if kind == "delete":
        return path.unlink()
    if kind == "flip" and content:
        content[at] ^= 1 << int(rng.integers(8))
    if kind == "overwrite":
        content[at : at + 16] = rng.bytes(len(content[at : at + 16]))
    ends = {"cut": at, "empty": 0}
    path.write_bytes(content[: ends.get(kind, len(content))])
