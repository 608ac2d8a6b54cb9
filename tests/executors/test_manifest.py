"""Rows of a manifest: each command line runs its own cell and no other."""

import json
import shlex
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import BARE, MLP, ROOT, flags, launch

from dd_jax import config
from dd_jax.config import sweep
from dd_jax.config.overrides import overrides
from dd_jax.executors.manifest import overrides_of, own_flags
from dd_jax.system import workdir

VALUES = {
    "distill.ipc": st.integers(1, 3),
    "distill.init": st.sampled_from(["noise", "real"]),
    "distill.multi": st.booleans(),
    "train.lr": st.floats(1e-6, 10),
    "data.source": st.sampled_from(["npz:a b's.npz", "digits", "npz:$HOME,`x`"]),
    "audits.robustness.attacks": st.sampled_from([("fgsm",), ("mim", "fgsm")]),
    "audits.robustness.eps_linf": st.sampled_from([(0.0, 8 / 255), (0.1,)]),
}
POINTS = st.lists(st.fixed_dictionaries({}, optional=VALUES), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(POINTS, st.fixed_dictionaries({}, optional=VALUES))
def test_a_command_line_selects_its_cell_alone(points, typed):
    base = config.override(config.default(), typed, "test")
    keys = tuple(dict.fromkeys([*typed, *(key for p in points for key in p)]))
    for cell in sweep.expand(base, points, typed):
        command = shlex.join(own_flags(overrides_of(cell, keys)))
        read, others = overrides(shlex.split(command))
        again = config.override(config.default(), read, "test")
        (found,) = sweep.expand(again, points, read)
        assert config.flat(found) == config.flat(cell) and others == []


EXPERIMENT = """
from dd_jax import config
from dd_jax.config.sweep import product, where
get_config = config.default
def sweep():
    points = product({"distill.ipc": [1, 2], "distill.init": ["real", "noise"]})
    return where(points, lambda p: p["distill.ipc"] == 1 or p["distill.init"] == "real")
"""
XARGS = "jq -r .command cells.jsonl | xargs -d '\\n' -n 1 -P 2 sh -c"
SBATCH = (
    "--wrap 'eval \"$(sed -n ${SLURM_ARRAY_TASK_ID}p cells.jsonl | jq -r .command)\"'"
)


def written(tmp_path, monkeypatch):
    """Rows of the manifest of three small cells, in the present folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "an experiment.py").write_text(EXPERIMENT)
    program = [sys.executable, str(ROOT / "launch.py")]
    given = ["--config=an experiment.py", "--workdir=out 1", *flags(BARE, **MLP)]
    given = [flag for flag in given if "distill.ipc" not in flag]
    given += ["--config.distill.method=random", "--manifest=cells.jsonl"]
    done = subprocess.run([*program, *given], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "cells: 3; manifest in cells.jsonl\n"
    assert not (tmp_path / "out 1").exists()
    return [json.loads(line) for line in open("cells.jsonl")]


@pytest.mark.slow
def test_xargs_runs_every_row_and_slurm_the_one_of_its_number(tmp_path, monkeypatch):
    rows = written(tmp_path, monkeypatch)
    assert [row["overrides"]["distill.ipc"] for row in rows] == [1, 1, 2]
    readme = (ROOT / "dd_jax" / "README.md").read_text()
    assert XARGS in readme and SBATCH in readme
    subprocess.run(
        shlex.split(SBATCH)[1].replace("${SLURM_ARRAY_TASK_ID}", "3"),
        shell=True,
        check=True,
    )
    states = lambda: {path.name for path in (tmp_path / "out 1" / "runs").iterdir()}
    assert states() == {rows[2]["id"]}
    subprocess.run(XARGS, shell=True, check=True)
    assert states() == {row["id"] for row in rows}
    for row in rows:
        folder = tmp_path / "out 1" / "runs" / row["id"]
        assert workdir.read_status(folder)["status"] == "done"


def test_an_empty_path_starts_no_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert launch("--manifest=") == 2
    words = "error: flag --manifest=: is empty; give the path of a file\n"
    assert capsys.readouterr().err == words
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_cannot_be_written_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert launch("--manifest=folder") == 2
    error = "error: --manifest=folder: is a folder; give the path of a file\n"
    assert capsys.readouterr().err == error
