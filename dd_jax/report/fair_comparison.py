"""Forms of fair distillation beside balanced batches: does any of them do better?

The question was fixed before any Record was made: is the largest difference of
equalised odds (DEO max) of a form below that of balanced batches, at no less accuracy?
The rule of decision was written when Records of three seeds were known.

Seeds are paired. A form does better where the interval of its difference in DEO max is
below 0 and that of its accuracy above -`MARGIN`; it does not where the first is above 0
or the second below -`MARGIN`; else the seeds do not decide. Intervals of each of the
two are Student's, at 95 % for all compared forms of a table at once (Bonferroni).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.report.blocks import Table
from dd_jax.report.conditions import conditions, data_name, of_config
from dd_jax.report.display_names import run_value
from dd_jax.report.formats import format_value, percent, points
from dd_jax.report.intervals import mean_interval
from dd_jax.report.lines import pooled
from dd_jax.report.records import lookup
from dd_jax.report.repeats import DEFAULT
from dd_jax.types import Record

MARGIN = 0.01  # accuracy
BALANCED, NONE = "balanced", "none"
BETTER, NOT, UNDECIDED = "yes", "no", "undecided"
COLUMNS = (
    *("data set", "method", "width", "IPC", "init", "steps", "learning rate"),
    *("form", "seeds"),
    *("accuracy", "DEO max", "accuracy, change", "DEO max, change", "better"),
)


class Form(NamedTuple):
    """A form of fair distillation, in runs that differ in the seed alone.

    Attributes:
      name: with the settings of the form.
      lr: of distillation, which goes with the form.
      others: all other settings, which a form shares with what it is compared with.
      runs: by seed.
    """

    name: str
    lr: str
    others: tuple
    runs: dict[int, Record]


def side_by_side(records: Sequence[Record]) -> Table | None:
    """A row for each form, with its differences from balanced batches.

    Those have all other settings in common but the learning rate; of several learning
    rates the one with the highest accuracy counts.

    Args:
      records: of a sweep over forms and seeds.

    Returns:
      The table; None where no Record has equalised odds of balanced batches.
    """
    found = _forms(record for record in records if _odds(record) is not None)
    pairs = [(form, _reference(form, found)) for form in found]
    compared = sum(
        reference is not None and form.name != NONE and len(_seeds(form, reference)) > 1
        for form, reference in pairs
    )
    if not any(form.name == BALANCED for form in found):
        return None
    rows = [_row(*pair, max(compared, 1)) for pair in pairs]
    return Table(COLUMNS, rows)


def differences(
    form: Sequence[tuple[float, float]],
    balanced: Sequence[tuple[float, float]],
    compared: int,
) -> tuple[dict, dict, str]:
    """What a form changes, and whether it does better, see above.

    Args:
      form: accuracy and DEO max of each seed, fractions.
      balanced: of balanced batches, the same seeds.
      compared: forms that are compared at once.

    Returns:
      Estimates of both differences over seeds, and `yes`, `no` or `undecided`.

    >>> differences([(0.7, 0.2), (0.7, 0.22)], [(0.6, 0.8), (0.601, 0.81)], 1)[2]
    'yes'
    """
    pairs = [(a - c, b - d) for (a, b), (c, d) in zip(form, balanced, strict=True)]
    level = 1 - 0.05 / compared
    accuracy, odds = (mean_interval(values, level) for values in zip(*pairs))
    if not accuracy["ci"]:
        return accuracy, odds, UNDECIDED
    better = odds["ci"][1] < 0 and accuracy["ci"][0] > -MARGIN
    worse = odds["ci"][0] > 0 or accuracy["ci"][1] < -MARGIN
    return accuracy, odds, BETTER if better else NOT if worse else UNDECIDED


def _forms(records: Iterable[Record]) -> list[Form]:
    found: dict[tuple, Form] = {}
    for record in records:
        key = _name(record), _setting(record, "distill.lr"), _others(record)
        found.setdefault(key, Form(*key, {})).runs[record["run"]["seed"]] = record
    return list(found.values())


def _name(record: Record) -> str:
    fair = record["run"].get("fair") or {}
    over = f" over {fair['over']}" if "over" in fair else ""
    rate = f", rate {fair['eta']:g}" if "eta" in fair else ""
    return fair.get("form", NONE) + over + rate


def _setting(record: Record, key: str) -> str:
    value = lookup(record, "run", "config", key)
    return DEFAULT if value is None else format_value(value)


def _others(record: Record) -> tuple:
    of_sets = ("distill.", "mitigate.", "dp.", "backdoor.", "train.adversarial.")
    config = of_config(record, of_sets)
    others = tuple(
        (key, value)
        for key, value in config
        if key != "distill.lr" and not key.startswith("mitigate.fair.")
    )
    keys = ("method", "method_form", "ipc", "init")
    run = [record["run"].get(key) for key in keys]
    return *run, others, conditions(record)


def _seeds(form: Form, other: Form) -> list[int]:
    return sorted(set(form.runs) & set(other.runs))


def _reference(form: Form, found: Sequence[Form]) -> Form | None:
    """Balanced batches otherwise alike; None for balanced batches themselves."""
    alike = [f for f in found if f.name == BALANCED and f.others == form.others]
    alike = [f for f in alike if _seeds(form, f)]
    if form.name == BALANCED or not alike:
        return None
    mean = lambda f: sum(_values(run)[0] for run in f.runs.values()) / len(f.runs)
    return max(alike, key=mean)


def _row(form: Form, reference: Form | None, compared: int) -> tuple:
    runs = list(form.runs.values())
    first = runs[0]
    changes = ("-", "-", "-")
    if reference:
        seeds = _seeds(form, reference)
        values = [[_values(f.runs[s]) for s in seeds] for f in (form, reference)]
        accuracy, odds, verdict = differences(*values, compared)
        changes = points(accuracy), points(odds), verdict
    return (
        data_name(first),
        *(run_value(first, key) for key in ("method", "width", "ipc", "init")),
        _setting(first, "distill.steps"),
        form.lr,
        form.name,
        str(len(runs)),
        percent(pooled([_values(r)[0] for r in runs])),
        percent(pooled([_values(r)[1] for r in runs])),
        *changes,
    )


def _odds(record: Record) -> float | None:
    return headline.mean(headline.equalised_odds(record))


def _values(record: Record) -> tuple[float, float]:
    return headline.mean(headline.accuracy(record)), _odds(record)
