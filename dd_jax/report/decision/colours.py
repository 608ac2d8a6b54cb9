"""Green, amber, red or unknown: what a number says against two thresholds."""

from collections.abc import Iterable
from typing import Any

from dd_jax.report.headline import above
from dd_jax.report.records import estimate

GREEN, UNKNOWN, AMBER, RED = "green", "unknown", "amber", "red"
COLOURS = (GREEN, UNKNOWN, AMBER, RED)  # best first
NOT_MEASURED, UNRESOLVED, SINGLE, WIDE = (
    "not_measured",
    "unresolved",
    "single",
    "wide",
)


def verdict(value: Any, amber: float, red: float) -> str:
    """The colour of a number of which more is worse, by the upper end of its interval.

    With the interval `[low, high]`, after `why_unknown`: red where `high > red`, else
    amber where `high > amber`, else green.

    Laws: stricter thresholds never give a better colour; a narrower interval around
    the same mean never gives a worse one, and never makes a known one unknown; as the
    interval moves up, colours follow one another as green, amber, unknown, red.

    Args:
      value: an estimate `{mean, ci, n}`, or None.
      amber: largest number that is green.
      red: largest number that is amber, at least `amber`.

    >>> verdict({"mean": 0.03, "ci": [0.02, 0.04], "n": 5}, 0.01, 0.1)
    'amber'
    """
    if why_unknown(value, amber, red):
        return UNKNOWN
    high = _ends(value)[1]
    return RED if above(high, red) else AMBER if above(high, amber) else GREEN


def why_unknown(value: Any, amber: float, red: float) -> str:
    """Why a number is not enough to tell; empty where it is.

    Returns:
      `not_measured`: there is none. `unresolved`: the smallest false-positive rate that
      the sample resolves is above the one of the number. `single`: it is of one network
      or set, so that it has no interval. `wide`: its interval reaches from green to
      red, `low <= amber` and `high > red`.

    >>> why_unknown({"mean": 0.03, "ci": [-0.2, 0.26], "n": 2}, 0.01, 0.1)
    'wide'
    """
    known = estimate(value)
    if known is None:
        found = isinstance(value, dict) and "mean" in value
        return UNRESOLVED if found else NOT_MEASURED
    if known["ci"] is None or known["n"] == 1:
        return SINGLE
    low, high = _ends(value)
    return WIDE if above(high, red) and not above(low, amber) else ""


def worst(colours: Iterable[str]) -> str:
    """The worst of some colours, in the order green, unknown, amber, red.

    A known amber or red outweighs what is not known; what is not known outweighs any
    number of greens. Unknown where there are none.

    >>> worst(["green", "unknown", "amber"]), worst(["green", "unknown"]), worst([])
    ('amber', 'unknown', 'unknown')
    """
    return max(colours, key=COLOURS.index, default=UNKNOWN)


def fails(colour: str, least: str) -> bool:
    """Whether a check of a colour fails where that is to happen from another one on.

    What is not known may be amber: it fails at amber, but not at red.

    >>> [fails(colour, "amber") for colour in COLOURS]
    [False, True, True, True]
    >>> [fails(colour, "red") for colour in COLOURS]
    [False, False, False, True]
    """
    return COLOURS.index(colour) >= COLOURS.index(UNKNOWN if least == AMBER else least)


def _ends(value: Any) -> tuple[float, float]:
    known = estimate(value)
    low, high = known["ci"]
    return min(low, known["mean"]), max(high, known["mean"])
