"""The verdict of each registered test on some Records."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.report.claims.effects import COMPARING, SHAPES
from dd_jax.report.claims.multiplicity import adjusted
from dd_jax.report.claims.pairing import LEAST_SEEDS, Design, Reading, design
from dd_jax.report.claims.registered import FALLS, MORE, NOT_LESS, TESTS, Registered
from dd_jax.report.display_names import key_name
from dd_jax.report.formats import NOT_MEASURED

ALPHA = 0.05
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


class Finding(NamedTuple):
    """One line of the table of claims.

    Attributes:
      test: as registered.
      dataset: on which.
      dataset_name: as tables show it.
      design: what was compared; None where nothing was measured.
      effect: `{mean, ci, n}`, n seeds; None without values at two levels, where those
        are compared.
      p: adjusted, of "no effect as claimed" and of "an effect as large as claimed";
        None where not tested.
      verdict: `supported`, `contradicted` or `undecided`.
      reason: in a line.
    """

    test: Registered
    dataset: str
    dataset_name: str
    design: Design | None
    effect: dict | None
    p: tuple[float, float] | None
    verdict: str
    reason: str


def examine(readings: Sequence[Reading]) -> list[Finding]:
    """Test every claim on every data set; one correction covers all of it.

    Args:
      readings: of Records, see `pairing.reading`; the same run twice counts once.

    Returns:
      A finding for each data set and registered test, in that order.
    """
    once = {one.run: one for one in readings}.values()
    names = {one.dataset: one.names["dataset"] for one in once}
    designs = {
        (dataset, test): design([r for r in once if r.dataset == dataset], test)
        for dataset in sorted(names)
        for test in TESTS
    }
    tested = {
        key: found
        for key, found in designs.items()
        if found and not lacking(key[1], found)
    }
    pairs = [_p_values(test, found) for (_, test), found in tested.items()]
    corrected = dict(zip(tested, adjusted(pairs)))
    return [
        _finding(test, dataset, names[dataset], found, corrected.get((dataset, test)))
        for (dataset, test), found in designs.items()
    ]


def lacking(test: Registered, found: Design | None) -> str:
    """Why a test cannot be made; empty where it can."""
    if found is None:
        return NOT_MEASURED
    if test.kind in COMPARING and len(found.levels) < 2:
        return f"one value of {key_name(test.factor or '')}"
    seeds = len(found.values)
    if seeds < LEAST_SEEDS:
        what = "seed has" if seeds == 1 else "seeds have"
        return f"{seeds} {what} the values; the tests need {LEAST_SEEDS}"
    return ""


def _p_values(test: Registered, found: Design) -> tuple[float, float]:
    shape = SHAPES[test.kind]
    return (
        shape.no_effect(found.values, test.smallest),
        shape.of_interest(found.values, test.smallest),
    )


def _finding(
    test: Registered,
    dataset: str,
    dataset_name: str,
    found: Design | None,
    p: tuple[float, float] | None,
) -> Finding:
    single = found is None or (test.kind in COMPARING and len(found.levels) < 2)
    effect = None if single else SHAPES[test.kind].effect(found.values)
    if p is None or effect is None:
        verdict, reason = UNDECIDED, lacking(test, found)
    else:
        verdict, reason = _verdict(test, effect["mean"], p)
    return Finding(test, dataset, dataset_name, found, effect, p, verdict, reason)


def _verdict(
    test: Registered, effect: float, p: tuple[float, float]
) -> tuple[str, str]:
    shown, refuted = (value < ALPHA for value in p)
    if test.kind == NOT_LESS:
        if shown:
            return SUPPORTED, "not lower by the smallest effect of interest"
        if refuted:
            return CONTRADICTED, "lower, and not shown to be so by a negligible amount"
        return UNDECIDED, "neither shown to be lower, nor not to be"
    directed = test.kind in (FALLS, MORE)
    if refuted:
        opposite = ", and the estimate is the opposite" if effect < 0 else ""
        words = "the effect is below the smallest of interest"
        return CONTRADICTED, words + (opposite if directed else "")
    if not shown:
        return UNDECIDED, "neither an effect nor its absence is shown"
    if (effect if directed else abs(effect)) < test.smallest:
        return UNDECIDED, "an effect is shown, but perhaps below that of interest"
    return SUPPORTED, "an effect is shown, and its estimate is of interest"
