"""Flags of the command line, and its help."""

from absl import flags

from dd_jax.catalogue.rules import FLAG
from dd_jax.config.fields import fields


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
        ["inline", "local", "worker"],
        "how the runs of a sweep are executed: inline = one after another, here; "
        "local = in --workers processes of this machine; worker = those that standard "
        "input names, as local starts it",
        flag_values=found,
    )
    flags.DEFINE_integer(
        "workers",
        None,
        "processes of --executor=local, among which CPU cores and accelerators are "
        "split; default: one for each accelerator, else for each two cores",
        lower_bound=1,
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
