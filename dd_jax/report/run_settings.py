"""Which settings two runs differ in."""

from collections.abc import Iterator
from typing import Any

from dd_jax.report.display_names import key_name, run_value
from dd_jax.report.formats import NOT_RECORDED, format_value
from dd_jax.report.path_texts import without_paths
from dd_jax.report.repeats import DEFAULT
from dd_jax.report.safe_text import printable
from dd_jax.types import Record

IN_RUN = {  # config key -> key of the run part, which has its value where it is default
    "distill.method": "method",
    "distill.ipc": "ipc",
    "distill.init": "init",
    "data.source": "dataset",
    "data.num_classes": "num_classes",
    "model.name": "arch",
    "model.width": "width",
    "train.nets": "nets",
    "train.full_nets": "full_nets",
    "train.adversarial.eps": "adversarial.train",
    "mitigate.robust.eps": "adversarial.distill",
    "mitigate.curvature.weight": "adversarial.curvature",
    "precision": "precision.training",
    "sets": "sets",
    "seed": "seed",
}
BESIDE = ("split", "device", "results_version", "method_form", "commit")
UNLIKE = " (another one)"  # of two that read alike


def differing(first: Record, second: Record) -> list[tuple[str, str, str]]:
    """Config keys that two runs differ in, with both values, as texts.

    Then what is no key of a config: the evaluation split, the device, the version of
    results and the commit. Of paths the last name is shown. Records of version 4 and
    older have few keys, which the last row says.

    Args:
      first: one checked Record, its texts not cut.
      second: another.

    >>> a = {"run": {"ipc": 1.0, "config": {"train.lr": 0.1}}}
    >>> b = {"run": {"ipc": 10.0, "config": {}}}
    >>> differing(a, b)
    [('distill.ipc', '1', '10'), ('train.lr', '0.1', 'default')]
    """
    pair = _flat(first["run"]), _flat(second["run"])
    return [
        *_of_run(IN_RUN, *pair),
        *_of_config(first["run"].get("config"), second["run"].get("config")),
        *_of_run({key_name(key): key for key in BESIDE}, *pair),
    ]


def _flat(run: dict) -> dict:
    parts = {part: run.get(part) or {} for part in ("adversarial", "precision")}
    return run | {
        f"{part}.{k}": v for part, own in parts.items() for k, v in own.items()
    }


def _of_run(names: dict[str, str], *runs: dict) -> Iterator[tuple[str, str, str]]:
    for name, key in names.items():
        if len({run.get(key) for run in runs}) > 1:
            yield name, *_texts(*(run_value({"run": run}, key) for run in runs))


def _of_config(*configs: dict | None) -> Iterator[tuple[str, str, str]]:
    if None in configs:
        known = (NOT_RECORDED if own is None else "recorded" for own in configs)
        yield "other config keys", *known
        return
    for key in dict.fromkeys(key for own in configs for key in own):
        values = [own.get(key, DEFAULT) for own in configs]
        if key not in IN_RUN and values[0] != values[1]:
            yield printable(key), *_texts(*values)


def _texts(first: Any, second: Any) -> tuple[str, str]:
    a, b = (printable(_text(value)) for value in (first, second))
    return a, b + UNLIKE if a == b else b


def _text(value: Any) -> str:
    """A value, of a path its last part, which may be left out too.

    >>> _text("folder:/home/ada/pets"), _text(["a", "/b/c"]), _text(0.5)
    ('folder:pets', 'a, c', '0.5')
    """
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.15g}"
    return format_value(without_paths(value))
