"""Which processes a command line is one of, by flags and environment."""

import subprocess
import sys

import jax
import pytest
from processes import free_ports
from tiny import ROOT, TINY, flags, launch

from dd_jax.executors import cluster
from dd_jax.executors.options import options
from dd_jax.runtime.hosts import JAXLIB_ON_CPU
from dd_jax.types import InputError

STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "gpu[07,09]",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    "SLURM_PROCID": "3",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "1",
}
BY_HAND = ("coordinator=a:1", "processes=2", "process=0")


def parsed(*arguments):
    known = options()
    known(["launch.py", *(f"--distributed{argument}" for argument in arguments)])
    return known


def given(*by_hand, env=None):
    return cluster.given(parsed("=on", *(f"_{x}" for x in by_hand)), env or {})


def test_nothing_says_that_there_are_others():
    assert given() is None


def test_by_hand():
    assert given(*BY_HAND) == cluster.Cluster("a:1", 2, 0)


def test_by_variables_of_jax_and_flags_win():
    env = {
        "JAX_COORDINATOR_ADDRESS": "b:2",
        "JAX_NUM_PROCESSES": "3",
        "JAX_PROCESS_ID": "1",
    }
    assert given(env=env) == cluster.Cluster("b:2", 3, 1)
    assert given("process=0", env=env) == cluster.Cluster("b:2", 3, 0)


def test_a_step_of_slurm_with_a_coordinator_of_ones_own():
    found = given("coordinator=[::1]:5", env=STEP)
    assert found == given(env=STEP)._replace(coordinator="[::1]:5")


@pytest.mark.parametrize(
    "visible, tasks, wanted",
    [
        ("0,1", "2(x2)", (1,)),  # all tasks of a node see all
        ("1", "2(x2)", None),  # Slurm shows each task its own
        ("0,1", "1(x2)", None),  # alone on its node
    ],
)
def test_the_accelerators_of_a_task_of_slurm(visible, tasks, wanted):
    env = STEP | {"CUDA_VISIBLE_DEVICES": visible, "SLURM_STEP_TASKS_PER_NODE": tasks}
    found = given(env=env)
    assert found == cluster.Cluster("gpu07:61447", 4, 3, wanted)


def test_steps_of_one_job_meet_at_ports_of_their_own():
    ports = {given(env=STEP | {"SLURM_STEP_ID": str(i)}).coordinator for i in range(9)}
    assert len(ports) == 9


@pytest.mark.parametrize("missing", STEP)
def test_a_part_of_the_variables_of_slurm_is_no_step(missing):
    """As after an ssh into an allocation, or in a batch script."""
    assert given(env={k: v for k, v in STEP.items() if k != missing}) is None


def test_a_shell_of_salloc_for_several_tasks_is_one_task():
    assert given(env=STEP | {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}) is None


@pytest.mark.parametrize(
    "by_hand, why",
    [
        (("processes=2",), "no coordinator"),
        (("process=0",), "no coordinator"),
        (("coordinator=a", *BY_HAND[1:]), "coordinator=a: give HOST:PORT"),
        (("coordinator=a:65536", *BY_HAND[1:]), "a:65536: give HOST:PORT .* to 65535"),
        (("coordinator=a:0", *BY_HAND[1:]), "coordinator=a:0: give HOST:PORT"),
        (BY_HAND[:2], "give --distributed_process too"),
        (("coordinator=a:1", "process=0"), "give --distributed_processes too"),
        ((*BY_HAND[:2], "process=2"), "of 2 processes give 0 to 1"),
    ],
)
def test_a_part_of_a_cluster_by_hand_is_refused(by_hand, why):
    with pytest.raises(InputError, match=why):
        given(*by_hand)


def test_a_variable_that_is_no_number_is_refused():
    env = {"JAX_NUM_PROCESSES": "two"}
    with pytest.raises(InputError, match="processes=two: give a whole number"):
        given("coordinator=a:1", "process=0", env=env)


def test_what_starts_no_run_needs_no_others(tmp_path, capsys):
    arguments = *flags(TINY), "--distributed=on", f"--workdir={tmp_path / 'new'}"
    assert launch(*arguments, "--status") == 0


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--distributed=on"], "no coordinator; start the processes by srun, mpirun"),
        (["--distributed_process=0"], "needs --distributed=on"),
        (["--distributed=on", "--together=2"], "each run is by itself"),
        (["--distributed=on", "--executor=local"], "its workers are alone"),
    ],
)
def test_what_is_refused_before_anything_runs(tmp_path, capsys, arguments, why):
    assert launch(*arguments, f"--workdir={tmp_path / 'new'}") == 2
    error = capsys.readouterr().err
    assert why in error and len(error.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.skipif(jax.__version_info__ >= JAXLIB_ON_CPU, reason="not refused")
def test_cpus_with_collectives_that_can_wait_for_ever_are_refused(tmp_path):
    address = f"--distributed_coordinator=127.0.0.1:{free_ports(1)[0]}"
    one = "--distributed=on", address, "--distributed_processes=1"
    command = [sys.executable, ROOT / "launch.py", *one, "--distributed_process=0"]
    ended = subprocess.run(
        [*command, f"--workdir={tmp_path}"], capture_output=True, text=True
    )
    assert ended.returncode == 2 and "needs jax 0.12" in ended.stderr
