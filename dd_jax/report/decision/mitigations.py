"""What defences that were tried change, against the same setting without them."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.catalogue.rules import FAIR_FORMS
from dd_jax.report import headline
from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.savings import savings
from dd_jax.report.intervals import difference
from dd_jax.report.lines import pooled
from dd_jax.report.records import estimate, lookup
from dd_jax.types import Record

DP, ROBUST, ADVERSARIAL = "dp", "robust", "adversarial"
CURVATURE, ALLOCATION = "curvature", "allocation"


class Mitigation(NamedTuple):
    """A setting with a defence beside one without.

    Attributes:
      defences: strength by name: epsilon of `dp`, radius of `robust` distillation and
        of `adversarial` training, weight of the `curvature` penalty; of fair
        distillation, `fair_` and its form, the number of groups, or the rate of
        `fair_dro` and of `fair_dro_classes`; of an `allocation` of images to classes,
        the most that a class has.
      candidate: the setting.
      reference: the setting without a defence; None where none was run.
      accuracy: change of the accuracy; None where it cannot be compared.
      worst_class: change of the accuracy on the worst class.
      auc: change of the AUC of the strongest membership attack.
      robust: change of the accuracy under attack.
      slower: seconds of the set and of training over those of the reference.
    """

    defences: dict[str, float]
    candidate: Candidate
    reference: Candidate | None
    accuracy: dict | None
    worst_class: dict | None
    auc: dict | None
    robust: dict | None
    slower: float | None


def mitigations(found: Sequence[Candidate]) -> list[Mitigation]:
    """A row for each setting with a defence.

    Its reference has the same method, architecture and images per class, and the same
    initialisation where there is such a one.
    """
    plain = [own for own in found if is_plain(own.records[0])]
    return [
        _beside(tried, candidate, _reference(candidate, plain))
        for candidate in found
        if (tried := defences(candidate.records[0]))
    ]


def is_plain(record: Record) -> bool:
    """Whether a set has neither a defence nor a backdoor."""
    return not is_poisoned(record) and not defences(record)


def is_poisoned(record: Record) -> bool:
    """Whether a run put a backdoor into its set."""
    return bool(lookup(record, "run", "config", "backdoor.rate"))


def defences(record: Record) -> dict[str, float]:
    """The defences of a run and their strength."""
    allocation = lookup(record, "run", "config", "distill.allocation") or ()
    values = {
        DP: lookup(record, "run", "differential_privacy", "epsilon"),
        ROBUST: lookup(record, "run", "adversarial", "distill"),
        CURVATURE: lookup(record, "run", "adversarial", "curvature"),
        ADVERSARIAL: lookup(record, "run", "adversarial", "train"),
        ALLOCATION: float(max(allocation, default=0)),
    }
    return {name: value for name, value in values.items() if value} | _fair(record)


def in_words(record: Record) -> list[str]:
    """The defences of a run with their strength, for tables and plots.

    >>> in_words({"run": {"fair": {"form": "balanced", "groups": 2}}})
    ['fair balanced 2']
    """
    found = defences(record).items()
    return [f"{name.replace('_', ' ')} {strength:g}" for name, strength in found]


def _fair(record: Record) -> dict[str, float]:
    """Fair distillation by its form; empty where there was none, or an unknown one."""
    fair = lookup(record, "run", "fair") or {}
    form, strength = fair.get("form"), fair.get("eta", fair.get("groups"))
    if form not in FAIR_FORMS or not strength:
        return {}
    of_classes = fair.get("over") == "classes"
    return {f"fair_{form}_classes" if of_classes else f"fair_{form}": strength}


def _reference(candidate: Candidate, plain: Sequence[Candidate]) -> Candidate | None:
    run = candidate.records[0]["run"]
    same = lambda of: [of.get(key) for key in ("method", "method_form", "arch", "ipc")]
    alike = [own for own in plain if same(own.records[0]["run"]) == same(run)]
    other_init = lambda own: own.records[0]["run"]["init"] != run["init"]
    return min(alike, key=other_init, default=None)


def _beside(
    tried: dict[str, float], own: Candidate, reference: Candidate | None
) -> Mitigation:
    if reference is None:
        return Mitigation(tried, own, None, None, None, None, None, None)
    robust = lambda it: it.parts["robust_accuracy_loss"].found.get("distilled")
    worst = lambda it: pooled([headline.worst_class(r) for r in it.records])
    auc = lambda it: it.parts["membership_auc"].value
    times = [_seconds(it) for it in (own, reference)]
    return Mitigation(
        tried,
        own,
        reference,
        _change(own.accuracy, reference.accuracy),
        _change(worst(own), worst(reference)),
        _change(auc(own), auc(reference)),
        _change(robust(own), robust(reference)),
        times[0] / times[1] if all(times) else None,
    )


def _seconds(candidate: Candidate) -> float:
    spent = savings(candidate.records)
    return (spent.distill or 0.0) + (spent.train or 0.0)


def _change(value: dict | None, other: dict | None) -> dict | None:
    first, second = estimate(value), estimate(other)
    return difference(first, second) if first and second else None
