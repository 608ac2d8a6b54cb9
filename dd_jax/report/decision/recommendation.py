"""Which set to recommend, by one rule."""

from collections.abc import Sequence

from dd_jax.report import headline
from dd_jax.report.decision.candidates import Candidate
from dd_jax.report.decision.colours import AMBER, GREEN, RED, UNKNOWN
from dd_jax.report.headline import above
from dd_jax.report.records import estimate

PREFERRED = (GREEN, AMBER, UNKNOWN, RED)  # what is not known may be red


def recommended(found: Sequence[Candidate]) -> Candidate:
    """The smallest set whose checks are the best attainable and that is as accurate.

    1. Only settings on which the most numbers were measured are considered.
    2. Of these, those whose checks, worst first, are no worse than the best: first the
       worst check of each is compared, then the next. What is not known counts as
       worse than amber here: else a noisy setting would be preferred to a known one.
    3. Of these, those whose mean accuracy is within the interval of the most accurate
       one, or above.
    4. Of these, the one with the fewest images per class, of several the most accurate.

    Args:
      found: one or more settings.
    """
    most = max(candidate.measured for candidate in found)
    complete = [candidate for candidate in found if candidate.measured == most]
    best = min(map(rank, complete))
    equal = [candidate for candidate in complete if rank(candidate) == best]
    top = max(equal, key=_accuracy)
    known = estimate(top.accuracy)
    low = min([known["mean"], *(known["ci"] or ())]) if known else -1.0
    close = [candidate for candidate in equal if not above(low, _accuracy(candidate))]
    return min(close, key=lambda own: (own.ipc, -_accuracy(own), str(own.setting)))


def rank(candidate: Candidate) -> tuple[int, ...]:
    """Smaller where the checks are better: their colours, worst first."""
    colours = (PREFERRED.index(check.colour) for check in candidate.checks)
    return tuple(sorted(colours, reverse=True))


def _accuracy(candidate: Candidate) -> float:
    mean = headline.mean(candidate.accuracy)
    return -1.0 if mean is None else mean
