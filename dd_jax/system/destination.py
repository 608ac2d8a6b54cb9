"""The folder that results go to: named, checked and made before any compute."""

import os
from collections.abc import Sequence
from pathlib import Path

from dd_jax.system import paths
from dd_jax.system.workdir import run_folder
from dd_jax.types import InputError

_LONGEST = 3600  # bytes of its path; Linux allows 4096 for that of a file in it


def results_folder(written: str) -> Path:
    """The folder that `--workdir` means, which need not exist.

    Raises:
      InputError: something else is there, or no file in it could have a name.
    """
    root = paths.expanded(written)
    if str(root)[0] == "~":
        raise InputError(
            f"--workdir={root}: there is no such home directory; write the path out"
        )
    whole = os.path.abspath(root)
    paths.check_text(whole, "--workdir: ")
    if len(os.fsencode(whole)) > _LONGEST:
        raise InputError(
            f"--workdir: {whole} is too long for the files in it; give a path of at "
            f"most {_LONGEST} bytes"
        )
    why = paths.no_folder(root)
    if why and why != paths.NO_FOLDER:
        raise InputError(f"--workdir={root}: {why}; give a folder")
    return root


def make(root: Path, run_ids: Sequence[str]) -> None:
    """Makes the folder, once all that it has to hold can be written.

    Raises:
      InputError: a folder of it is read-only, or something else is in a file's place.
    """
    runs = [run_folder(root, run_id) for run_id in run_ids]
    for folder in (root, root / "runs", root / "cache", *runs):
        if (why := paths.not_writable(folder)) and why != paths.NO_FOLDER:
            raise InputError(f"--workdir={root}: {folder} {why}; give another folder")
    for file in (root / "results.jsonl", root / "report.html"):
        why = paths.no_file(file)
        if why and why != paths.NO_FILE:
            raise InputError(f"--workdir={root}: {file} {why}; remove it")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--workdir={root}: {paths.reason(error)}; give a folder that can be "
            "written"
        ) from None
