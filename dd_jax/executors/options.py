"""Flags of the command line, and its help."""

from typing import Any

from absl import flags

from dd_jax.catalogue.rules import FLAG
from dd_jax.config.fields import fields
from dd_jax.types import InputError

_OF_SBATCH = {
    "partition": "partition of the jobs, as of sbatch",
    "account": "account that they count for",
    "qos": "quality of service",
    "gres": "what each job needs beside cores, such as gpu:1",
    "cpus": "CPU cores of each job",
    "mem": "memory of each job, such as 16G",
}
_MODES = ("status", "dry_run", "manifest", "estimate")
DEFAULT_TIME = "4:00:00"
DEFAULT_AT_ONCE = 256


def slurm_settings(known: flags.FlagValues) -> dict[str, Any]:
    """The values of the flags `--slurm.NAME` by name, with their defaults.

    Raises:
      InputError: one is given to another executor.
    """
    names = [name for name in known if name.startswith("slurm.")]
    given = [name for name in names if known[name].value is not None]
    if given and known.executor != "slurm":
        raise InputError(f"--{given[0]}: needs --executor=slurm")
    found = {name.removeprefix("slurm."): known[name].value for name in names}
    defaults = {"setup": [], "at_once": DEFAULT_AT_ONCE}
    return found | {k: found[k] or value for k, value in defaults.items()}


def options() -> flags.FlagValues:
    """The flags beside the config keys, with their defaults."""
    found = flags.FlagValues()
    found.set_gnu_getopt(True)
    flags.DEFINE_string(
        "config",
        None,
        "config file in Python; default: the quick start on digits",
        flag_values=found,
    )
    flags.DEFINE_string(
        "workdir",
        None,
        "folder of the results; default: ./runs_out/NAME of the config file",
        flag_values=found,
    )
    flags.DEFINE_enum(
        "executor",
        "inline",
        ["inline", "local", "slurm", "worker"],
        "how the runs of a sweep are executed: inline = one after another, here; "
        "local = in --workers processes of this machine; slurm = as jobs of a cluster; "
        "worker = those that standard input names, as the others start it",
        flag_values=found,
    )
    flags.DEFINE_integer(
        "workers",
        None,
        "processes of --executor=local, among which CPU cores and accelerators are "
        "split; default: one for each config.devices NVIDIA GPUs, else for each two "
        "cores",
        lower_bound=1,
        flag_values=found,
    )
    flags.DEFINE_integer(
        "together",
        None,
        "runs of a sweep that take their steps together, as one program: neighbours "
        "that differ in seed, learning rates or initial images alone; needs "
        "--executor=inline; default: one for each CPU device, eight for each "
        "accelerator",
        lower_bound=1,
        flag_values=found,
    )
    for name, text in _OF_SBATCH.items():
        flags.DEFINE_string(f"slurm.{name}", None, text, flag_values=found)
    flags.DEFINE_string(
        "slurm.time",
        None,
        "time limit of a job, after which it is queued again and resumes; default: "
        f"{DEFAULT_TIME}, or what the partition allows",
        flag_values=found,
    )
    flags.DEFINE_multi_string(
        "slurm.setup",
        None,
        "a shell line that jobs run first, such as 'module load cuda'; may be repeated",
        flag_values=found,
    )
    flags.DEFINE_integer(
        "slurm.at_once",
        None,
        f"jobs of an array that run at the same time; default: {DEFAULT_AT_ONCE}",
        lower_bound=1,
        flag_values=found,
    )
    flags.DEFINE_enum(
        "distributed",
        "off",
        ["off", "auto", "on"],
        "whether the processes that this command is started as, on one host or "
        "several, share each run over all their devices: on = they have to; auto = "
        "where Slurm (srun of several tasks), MPI or a TPU pod started them; off = "
        "each is alone",
        flag_values=found,
    )
    flags.DEFINE_string(
        "distributed_coordinator",
        None,
        "HOST:PORT of process 0, for processes that are started by hand; default: "
        "JAX_COORDINATOR_ADDRESS, or as Slurm, MPI or the TPU pod says",
        flag_values=found,
    )
    flags.DEFINE_integer(
        "distributed_processes",
        None,
        "how many processes there are; default: JAX_NUM_PROCESSES, or as they say",
        lower_bound=1,
        flag_values=found,
    )
    flags.DEFINE_integer(
        "distributed_process",
        None,
        "number of this one, from 0, which alone writes files and messages; default: "
        "JAX_PROCESS_ID, or as they say",
        lower_bound=0,
        flag_values=found,
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "list the runs, their ids and how far they are, what they share and, by "
        "earlier Records, what they take; write nothing",
        flag_values=found,
    )
    flags.DEFINE_string(
        "manifest",
        None,
        "write the runs to this file, a JSON object with id, label, overrides and "
        "command a line, for other engines; start none",
        flag_values=found,
    )
    flags.register_validator(
        "manifest",
        lambda path: path != "",
        "is empty; give the path of a file",
        flag_values=found,
    )
    flags.DEFINE_boolean(
        "estimate",
        False,
        "measure a few steps of every stage and say how long the runs will take on "
        "these devices, audits aside; write nothing",
        flag_values=found,
    )
    flags.DEFINE_boolean(
        "status",
        False,
        "print how far each run is, as the files of --workdir say; also from another "
        "terminal, while they run",
        flag_values=found,
    )
    flags.DEFINE_enum(
        "fail_on",
        None,
        ["red", "amber"],
        "exit with status 1 where a check of the decision has this colour or a worse "
        "one; what is not known fails at amber; needs --config.decision.enabled=True",
        flag_values=found,
    )
    flags.register_multi_flags_validator(
        _MODES,
        lambda given: sum(map(bool, given.values())) < 2,
        "each does one thing and starts no run; give one of them",
        flag_values=found,
    )
    flags.DEFINE_boolean(
        "help", False, "show this help", short_name="h", flag_values=found
    )
    return found


def help_text(program: str, known: flags.FlagValues) -> str:
    """A program's description, its flags, and every config key with its default."""
    lines = [program, "Flags (--NAME=VALUE):"]
    lines += [f"  --{name:<36} {known[name].help}" for name in known if name != "h"]
    lines += ["", "Config keys (--config.KEY=VALUE), with their defaults:"]
    for key, option in fields().items():
        value = f"{key}={option.default}"
        gap = "\n" + " " * 40 if len(value) > 37 else ""
        right = "" if option.rule in (None, FLAG) else f" ({option.allowed.words})"
        lines.append(f"  {value:<38}{gap} {option.help}{right}")
    return "\n".join(lines)
