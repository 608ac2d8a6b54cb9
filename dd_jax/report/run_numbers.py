"""The numbers of a run that are compared with those of another."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from dd_jax.report import headline
from dd_jax.report.display_names import NORMS, PIPE_NAMES, THREAT_NAMES, display_name
from dd_jax.report.formats import Cell, decimal, percent, points, seconds
from dd_jax.report.records import estimate, lookup
from dd_jax.report.safe_text import printable
from dd_jax.report.tables import stage_name
from dd_jax.types import Record


class Form(NamedTuple):
    """How a number is shown, and how a difference of two."""

    value: Callable[[Any], Cell]
    difference: Callable[[Any], Cell]


class Place(NamedTuple):
    """Where a number stands in every Record: two of one place are compared.

    Attributes:
      part: of the Record, as readers know it.
      network: what it was trained on; empty of what is no network's.
      name: of the number.
    """

    part: str
    network: str
    name: str


class Number(NamedTuple):
    """One number of a run: its estimate, its form, and the attack that it is of."""

    estimate: dict
    form: Form
    attack: str = ""


def _seconds(value: dict) -> Cell:
    """A duration or, below 0, how much shorter one is."""
    sign = "-" if value["mean"] < 0 else ""
    return Cell(sign + seconds(abs(value["mean"])))


def _mebibytes(value: dict) -> Cell:
    return Cell(f"{value['mean'] / 2**20:,.0f} MiB")


PERCENT = Form(percent, points)
POINTS = Form(points, points)
DECIMAL = Form(decimal, decimal)
LOW_RATE = Form(partial(percent, digits=2), partial(points, digits=2))
SECONDS = Form(_seconds, _seconds)
BYTES = Form(_mebibytes, _mebibytes)
OF_NETWORKS = (  # part, heading, key below the network, name, form
    ("accuracy", "Accuracy", (), "accuracy", PERCENT),
    ("fairness", "Class fairness", ("worst_class",), "worst class", PERCENT),
    ("fairness", "Class fairness", ("class_gap",), "class gap", POINTS),
    ("fairness", "Group fairness", ("worst_group",), "worst group", PERCENT),
    ("fairness", "Group fairness", ("deo_max",), "equalised odds, max", POINTS),
    ("calibration", "Calibration", ("ece",), "ECE", PERCENT),
    ("calibration", "Calibration", ("nll",), "NLL", DECIMAL),
    ("calibration", "Calibration", ("brier",), "Brier score", DECIMAL),
)


def numbers(record: Record) -> dict[Place, Number]:
    """What is compared of a Record: what was measured and resolved.

    Accuracy, fairness and calibration of each network; of membership the attack
    with the largest AUC for each threat and network; accuracy under each attack at each
    radius above 0; seconds and bytes.

    Args:
      record: one checked Record.
    """
    parts = (_of_networks, _membership, _robustness, _cost)
    return {place: own for part in parts for place, own in part(record) if own.estimate}


def _of_networks(record: Record) -> Iterator[tuple[Place, Number]]:
    for part, heading, keys, name, form in OF_NETWORKS:
        for pipe, network in PIPE_NAMES.items():
            value = estimate(lookup(record, part, pipe, *keys))
            yield Place(heading, network, name), Number(value, form)


def _membership(record: Record) -> Iterator[tuple[Place, Number]]:
    for pipe, network in PIPE_NAMES.items():
        for attack in _strongest(record, pipe):
            threat = THREAT_NAMES.get(attack.threat, printable(attack.threat))
            place = partial(Place, "Membership", network)
            score = display_name(attack.score, record, "score")
            auc, tpr = estimate(attack.auc), estimate(attack.tpr)
            yield place(f"{threat}: AUC"), Number(auc, DECIMAL, score)
            yield place(f"{threat}: TPR at 1 % FPR"), Number(tpr, LOW_RATE, score)


def _strongest(record: Record, pipe: str) -> list[headline.MembershipAttack]:
    """Of each threat the attack with the largest AUC."""
    found: dict[str, headline.MembershipAttack] = {}
    known = [own for own in headline.attacks(record, pipe) if estimate(own.auc)]
    for attack in sorted(known, key=lambda own: headline.mean(own.auc)):
        found[attack.threat] = attack
    return [found[threat] for threat in sorted(found)]


def _robustness(record: Record) -> Iterator[tuple[Place, Number]]:
    for pipe, network in PIPE_NAMES.items():
        attacks = lookup(record, "robustness", pipe, "attacks") or {}
        attacked = [
            (display_name(attack, record, "attack"), row)
            for attack, rows in attacks.items()
            for row in rows or ()
            if row["eps"] > 0
        ]
        for label, row in attacked:
            norm = NORMS.get(row["norm"], printable(row["norm"]))
            name = f"accuracy under {label}, {norm} {row['eps']:.6g}"  # float32
            value = estimate(row.get("accuracy"))
            yield Place("Accuracy under attack", network, name), Number(value, PERCENT)


def _cost(record: Record) -> Iterator[tuple[Place, Number]]:
    for key, value in (record.get("cost") or {}).items():
        if key.endswith("_seconds"):
            name = stage_name(key.removesuffix("_seconds"), record)
            yield Place("Cost", "", name), Number(estimate(value), SECONDS)
    peak = lookup(record, "cost", "peak_bytes")
    yield Place("Cost", "", "peak memory"), Number(estimate(peak), BYTES)
