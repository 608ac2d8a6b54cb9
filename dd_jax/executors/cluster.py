"""The processes that a command line is one of, by its flags and its environment.

Of Slurm the variables of the *step* count, as `srun` sets them for each of its tasks.
Those of the job alone, as in a batch script, a shell of `salloc` or after an ssh into
an allocation, say nothing of tasks that would come to meet.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from absl import flags

from dd_jax.executors.shares import gpus
from dd_jax.types import InputError

_STEP = (
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "SLURM_STEP_NODELIST",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_TASKS_PER_NODE",
    "SLURM_PROCID",
    "SLURM_LOCALID",
    "SLURM_NODEID",
)
NONE = (
    "--distributed=on: no coordinator; start the processes by srun, mpirun or on a "
    "TPU pod, or give each --distributed_coordinator=HOST:PORT, "
    "--distributed_processes and --distributed_process"
)
_START_NO_RUN = ("status", "dry_run", "manifest", "estimate")
_ENVIRONMENT = {
    "coordinator": "JAX_COORDINATOR_ADDRESS",
    "processes": "JAX_NUM_PROCESSES",
    "process": "JAX_PROCESS_ID",
}
_PORTS = range(61440, 65536)  # those of JAX for Slurm, the upper end of the free ones


class Cluster(NamedTuple):
    """Where the processes meet.

    Attributes:
      coordinator: `HOST:PORT` of the first process.
      processes: how many there are.
      number: of this process, from 0.
      local_devices: numbers of the accelerators of the host that are this process's;
        None where all that it sees are.
    """

    coordinator: str
    processes: int
    number: int
    local_devices: tuple[int, ...] | None = None


def wanted(known: flags.FlagValues) -> bool:
    """Whether a command line is to run together with others, if there are any.

    What starts no run, as `--dry_run`, needs no others.

    Raises:
      InputError: it does not run here, or is to be alone and has flags of others.
    """
    if known["distributed"].value == "off":
        for name in _ENVIRONMENT:
            if known[f"distributed_{name}"].value is not None:
                raise InputError(f"--distributed_{name}: needs --distributed=on")
        return False
    if any(known[name].value for name in _START_NO_RUN):
        return False
    if known.together is not None:
        raise InputError(
            f"--together={known.together}: over several hosts each run is by itself; "
            "leave it out"
        )
    if known.executor != "inline":
        raise InputError(
            f"--executor={known.executor}: its workers are alone; leave out "
            "--distributed, or take --executor=inline"
        )
    return True


def given(known: flags.FlagValues, env: Mapping[str, str]) -> Cluster | None:
    """The cluster that flags or variables describe, None where they describe none.

    Args:
      known: flags of the command line, of which `--distributed` is not `off`.
      env: environment variables.

    Raises:
      InputError: they describe a part of one, or what cannot be.
    """
    found = {
        name: known[f"distributed_{name}"].value or env.get(variable)
        for name, variable in _ENVIRONMENT.items()
    }
    if known.distributed_process is not None:  # 0 is a number too
        found["process"] = known.distributed_process
    step = of_slurm(env)
    if found["coordinator"] is None:
        if known.distributed_processes or known.distributed_process is not None:
            raise InputError(
                "--distributed: no coordinator; give "
                "--distributed_coordinator=HOST:PORT too"
            )
        return step
    if step:
        defaults = {"processes": step.processes, "process": step.number}
        found = {k: defaults.get(k) if v is None else v for k, v in found.items()}
    return _checked(found, step.local_devices if step else None)


def _checked(
    found: Mapping[str, str | int | None], local: tuple[int, ...] | None
) -> Cluster:
    """The cluster that the three values of `_ENVIRONMENT` describe."""
    address = str(found["coordinator"])
    host = re.fullmatch(r".+:(\d{1,5})", address)
    if not host or not 0 < int(host[1]) < 2**16:
        raise InputError(
            f"--distributed_coordinator={address}: give HOST:PORT of process 0, a port "
            "from 1 to 65535"
        )
    numbers = {}
    for name in ("processes", "process"):
        flag = f"--distributed_{name}"
        if found[name] is None:
            raise InputError(f"--distributed: with a coordinator, give {flag} too")
        try:
            numbers[name] = int(str(found[name]))
        except ValueError:
            raise InputError(f"{flag}={found[name]}: give a whole number") from None
    count, number = numbers["processes"], numbers["process"]
    if not 0 <= number < count:
        raise InputError(
            f"--distributed_process={number}: of {count} processes give 0 to "
            f"{count - 1}"
        )
    return Cluster(address, count, number, local)


def of_slurm(env: Mapping[str, str]) -> Cluster | None:
    """The tasks of this step of Slurm; None where there are no others, or no step.

    >>> step = {"JOB_ID": "7", "STEP_ID": "0", "STEP_NODELIST": "n[03-04]",
    ...         "STEP_NUM_TASKS": "2", "STEP_TASKS_PER_NODE": "1(x2)",
    ...         "PROCID": "1", "LOCALID": "0", "NODEID": "1"}
    >>> of_slurm({f"SLURM_{name}": value for name, value in step.items()})
    Cluster(coordinator='n03:61447', processes=2, number=1, local_devices=None)
    """
    if not all(env.get(name) for name in _STEP):
        return None
    _, step, nodes, tasks, per_node, number, place, node = (env[n] for n in _STEP)
    if int(tasks) < 2:
        return None
    seed = int(env["SLURM_JOB_ID"]) + 997 * (int(step) if step.isdecimal() else 0)
    port = _PORTS[seed % len(_PORTS)]
    here = _tasks_of_nodes(per_node)[int(node)]
    # Slurm shows each task its own accelerator, or all tasks of a node all of them.
    own = here == 1 or len(gpus({**env})) < here
    local = None if own else (int(place),)
    return Cluster(f"{first_host(nodes)}:{port}", int(tasks), int(number), local)


def first_host(nodes: str) -> str:
    """The first of a list of nodes in Slurm's short form.

    >>> first_host("gpu[007,011-12],cpu1"), first_host("a-1,b"), first_host("r[1-2]n")
    ('gpu007', 'a-1', 'r1n')
    """
    found = re.match(r"([^,\[]*)(?:\[([^\],-]*)[^\]]*\])?([^,\[]*)", nodes)
    assert found
    return "".join(part or "" for part in found.groups())


def _tasks_of_nodes(text: str) -> list[int]:
    """How many tasks each node has, of Slurm's short form.

    >>> _tasks_of_nodes("2(x3),1")
    [2, 2, 2, 1]
    """
    counts = []
    for part in text.split(","):
        tasks, _, times = part.partition("(x")
        counts += [int(tasks)] * int(times.rstrip(")") or 1)
    return counts
