"""One run over the tasks of a step of the real Slurm, started by the test."""

import os
import subprocess
import sys

import loopback
import pytest
from alike import SETS, assert_alike
from processes import NEEDS_COLLECTIVES
from tiny import ROOT, flags, launch, make, only_run

from dd_jax import run
from dd_jax.system import workdir

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(loopback.MISSING), reason=f"no {', '.join(loopback.MISSING)} here"
    ),
]


@NEEDS_COLLECTIVES
def test_srun_of_two_tasks(tmp_path):
    """Two processes of two devices on one node; without flags of a coordinator."""
    arguments = [
        *flags(SETS),
        "--config.devices=2",
        f"--workdir={tmp_path / 'several'}",
    ]
    command = [sys.executable, ROOT / "launch.py", *arguments, "--distributed=auto"]
    env = {"PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "2"}
    with loopback.slurm(tmp_path / "slurm"):
        done = subprocess.run(
            ["srun", "--ntasks=2", *command],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | env,
        )
    assert done.returncode == 0, done.stderr
    lines = [x for x in done.stdout.splitlines() if "[Gloo]" not in x]
    assert sum("... done in" in line for line in lines) == 1
    found = workdir.read_json(only_run(tmp_path / "several") / "record.json")
    assert found["run"]["devices"] == 4
    run.run(make(SETS), tmp_path / "one")
    assert_alike(tmp_path / "one", tmp_path / "several", tolerance=1e-5)


def test_a_batch_script_without_srun_is_alone(tmp_path, capsys, monkeypatch):
    """Though its job has several tasks."""
    for name, value in {"JOB_ID": "1", "NTASKS": "2", "PROCID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert launch("--distributed=on", f"--workdir={tmp_path / 'new'}") == 2
    assert "no coordinator" in capsys.readouterr().err
