"""The membership attack that decides, and its number on other training data."""

from collections.abc import Callable, Sequence
from typing import Any

from dd_jax.report import headline
from dd_jax.report.decision.colours import COLOURS, verdict
from dd_jax.report.headline import above
from dd_jax.report.lines import pooled
from dd_jax.report.records import estimate
from dd_jax.types import Record

BESIDE = ("random_subset", "full_data")


def strongest(
    repeats: Sequence[Record],
    amber: float,
    red: float,
    rate: Callable[[headline.MembershipAttack], dict | None],
    counted: Callable[[dict | None], dict | None] = lambda value: value,
) -> tuple[dict | None, dict[str, Any]]:
    """The number of the attack with the worst colour, of these the highest one.

    Args:
      repeats: runs that differ in the seed alone.
      amber: largest number that is green.
      red: largest number that is amber.
      rate: the number of an attack in a run.
      counted: the same, as it is compared with the bounds.

    Returns:
      The number, and beside it threat and score of the attack, how many there are, its
      number on other training data, whether its answers are `inverted`, and `highest`:
      the attack with the highest mean, None where it is the same.
    """
    measured = _by_attack(repeats, "distilled", rate)
    rates = {attack: counted(value) for attack, value in measured.items()}
    if not rates:
        return None, {}

    def strength(attack: tuple[str, str]) -> tuple[int, float]:
        value = rates[attack]
        known = estimate(value)
        high = max((known["ci"] or [])[1:] + [known["mean"]]) if known else -1.0
        return COLOURS.index(verdict(value, amber, red)), high

    worst = max(rates, key=strength)
    highest = max(rates, key=lambda attack: headline.mean(rates[attack]) or 0.0)
    means = [headline.mean(rates[attack]) or 0.0 for attack in (highest, worst)]
    beside = {
        pipe: counted(value)
        for pipe in BESIDE
        if (value := _by_attack(repeats, pipe, rate).get(worst))
    }
    found = {
        **_named(worst),
        "attacks": len(rates),
        "beside": beside,
        "inverted": rates[worst] != measured[worst],
        "highest": _named(highest) | {"value": rates[highest]}
        if above(*means)
        else None,
    }
    return rates[worst], found


def _named(attack: tuple[str, str]) -> dict[str, str]:
    return dict(zip(("threat", "score"), attack))


def _by_attack(
    repeats: Sequence[Record],
    pipe: str,
    rate: Callable[[headline.MembershipAttack], dict | None],
) -> dict[tuple[str, str], dict | None]:
    rates: dict[tuple[str, str], list[dict | None]] = {}
    for record in repeats:
        for attack in headline.attacks(record, pipe):
            rates.setdefault((attack.threat, attack.score), []).append(rate(attack))
    return {
        attack: pooled(values) or next(filter(None, values), None)
        for attack, values in rates.items()
        if any(values)
    }


def inverted(auc: dict | None) -> dict | None:
    """The AUC of an attack, with its answers inverted where it is below 0.5.

    >>> inverted({"mean": 0.25, "ci": [0.0, 0.5], "n": 3})
    {'mean': 0.75, 'ci': [0.5, 1.0], 'n': 3}
    """
    known = estimate(auc)
    if not known or known["mean"] >= 0.5:
        return auc
    ci = [1 - known["ci"][1], 1 - known["ci"][0]] if known["ci"] else None
    return known | {"mean": 1 - known["mean"], "ci": ci}
