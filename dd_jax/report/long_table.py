"""Records as one long table: a row for each number of each run, as plots want it.

Columns, null where they do not apply:

- of the run: `id method dataset arch width ipc ratio byte_ratio init num_classes seed`,
  of the ratios that of images and that of bytes, labels included;
- `part`: of the Record (`accuracy`, `privacy`, `robustness`, `cost`, ...);
- `network`: what it was trained on (`distilled`, `random_subset`, `full_data`,
  `dp_sgd`), of transfer the target; `source`: of transfer, on whose networks the images
  were made;
- `threat`: of membership, `t0 t1 t1_images t2`; `attack`, of membership its score;
- `eps`, `norm`: radius in pixels of [0, 1]; `step`: of a learning curve;
- `level`: a number in a name, such as the false-positive rate of `tpr_at_fpr`;
- `index`: of a class or a severity in a list;
- `quantity`: what is left of the name, such as `accuracy` or `tpr_at_fpr`;
- `value`, `low`, `high`, `n`: the number, its 95 % interval, and over how many;
- `unit`: `fraction`, `count`, `s`, `1/s`, `bytes`, or null.
"""

from collections.abc import Sequence
from typing import Any

from dd_jax.catalogue.rules import THREATS
from dd_jax.report.record_leaves import Leaf, Point, leaves
from dd_jax.report.schema import PIPES
from dd_jax.types import Record

RUN = {
    **dict.fromkeys(("id", "method", "dataset", "arch"), str),
    **{"width": int, "ipc": float, "ratio": float, "byte_ratio": float},
    **{"init": str, "num_classes": int, "seed": int},
}
TYPES = RUN | {
    **dict.fromkeys(("part", "network", "source", "threat", "attack"), str),
    **{"eps": float, "norm": str, "step": float, "level": float, "index": int},
    **{"quantity": str, "value": float, "low": float, "high": float, "n": float},
    "unit": str,
}
BESIDE = {"target": "network", "source": "source", "attack": "attack", "norm": "norm"}
SUFFIXES = {"steps_per_second": "1/s", "seconds": "s", "bytes": "bytes"}


def columns(records: Sequence[Record]) -> tuple[dict[str, list], dict[str, type]]:
    """Values by column, all columns in every table, and their types.

    Texts and flags are not rows. Numbers of the `run` part are columns alone.
    """
    found: dict[str, list] = {name: [] for name in TYPES}
    for record in records:
        run = {name: _as(of, record["run"].get(name)) for name, of in RUN.items()}
        for row in rows(record):
            for name, values in found.items():
                values.append(run[name] if name in run else row.get(name))
    return found, TYPES


def rows(record: Record) -> list[dict[str, Any]]:
    """The rows of one Record, without its settings; what does not apply is absent."""
    parts = {part: value for part, value in record.items() if part != "run"}
    known = [(leaf.keys[:-1], leaf) for leaf in leaves(parts)]
    beside: dict[tuple, dict] = {}  # what rows of a list say of the numbers in them
    for place, leaf in known:
        if _in_list(place) and leaf.keys[-1] in (*BESIDE, "step"):
            name = BESIDE.get(str(leaf.keys[-1]), "step")
            beside.setdefault(place, {})[name] = leaf.value
    rows = []
    for _, leaf in known:
        if leaf.kind not in ("text", "flag"):
            of_list = _of_list(leaf.keys)
            more = beside.get(of_list, {}) if of_list else {}
            rows.append(_place(leaf.keys) | more | _number(leaf))
    return rows


def _in_list(place: tuple) -> bool:
    return isinstance(place[-1], int | Point)


def _of_list(keys: tuple) -> tuple | None:
    """The keys up to the innermost item of a list that holds more than a number."""
    for end in range(len(keys) - 1, 0, -1):
        if isinstance(keys[end - 1], int | Point):
            return keys[:end]
    return None


def _place(keys: tuple) -> dict[str, Any]:
    """Where a number stands, by column.

    >>> _place(("privacy", "distilled", "t2", "rmia", "tpr_at_fpr", "0.01"))
    {'part': 'privacy', 'network': 'distilled', 'threat': 't2', 'attack': 'rmia', \
'level': 0.01, 'quantity': 'tpr_at_fpr'}
    >>> _place(("accuracy", "full_data", "per_class", 3))
    {'part': 'accuracy', 'network': 'full_data', 'index': 3, 'quantity': 'per_class'}
    >>> _place(("accuracy", "full_data"))
    {'part': 'accuracy', 'network': 'full_data', 'quantity': 'accuracy'}
    """
    part, *rest = keys
    place: dict[str, Any] = {"part": part}
    words = []
    before = part
    for key in rest:
        if isinstance(key, Point):
            place |= {"eps": key.rounded()} | (
                {"index": key.repeat} if key.repeat else {}
            )
        elif isinstance(key, int):
            place["index"] = key
        elif key in PIPES and "network" not in place:
            place["network"] = key
        elif key in THREATS:
            place["threat"] = key
        elif before == "attacks" or before in THREATS:
            place["attack"] = key
        elif (number := _level(key)) is not None:
            place["level"] = number
        elif key != "attacks":
            words.append(key)
        before = key
    return place | {"quantity": ".".join(words) or part}


def _level(key: str) -> float | None:
    try:
        return float(key)
    except ValueError:
        return None


def _number(leaf: Leaf) -> dict[str, Any]:
    value = leaf.value if isinstance(leaf.value, dict) else {"mean": leaf.value}
    names = {"value": "mean", "low": "ci_low", "high": "ci_high", "n": "n"}
    found = {name: _as(float, value.get(key)) for name, key in names.items()}
    return found | {"unit": _unit(leaf)}


def _unit(leaf: Leaf) -> str | None:
    if "fraction" in leaf.kind:
        return "fraction"
    last = str(leaf.keys[-1])
    by_name = (unit for end, unit in SUFFIXES.items() if last.endswith(end))
    return next(by_name, "count" if leaf.kind == "whole" else None)


def _as(as_type: type, value: Any) -> Any:
    return None if value is None else as_type(value)
