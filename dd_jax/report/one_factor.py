"""Sweeps that vary one factor at a time around a centre, such as ablations."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from dd_jax.report.run_keys import NAMED, NUMERIC
from dd_jax.types import Record


class Part(NamedTuple):
    """Records of which one factor varies, and the factors that are at the centre."""

    records: list[Record]
    fixed: tuple[str, ...]


def parts(records: Sequence[Record]) -> list[Part]:
    """A part for each factor that varies alone; one of all Records elsewhere.

    The centre of a run key is its most frequent value; repeats count once. Two keys
    exclude each other where no Record is off the centre of both. Keys that exclude some
    other key are factors, if each excludes all the others and some Record is at the
    centre of all; the remaining keys are crossed with them and vary in every part. A
    product that is not finished may look like such a sweep.

    >>> runs = [(1, "real"), (10, "real"), (10, "noise")]
    >>> found = parts([{"run": {"ipc": i, "init": init}} for i, init in runs])
    >>> [(len(part.records), part.fixed) for part in found]
    [(2, ('init',)), (2, ('ipc',))]
    """
    off_centre = _off_centre(records)
    excluding = {
        pair
        for pair in combinations(off_centre, 2)
        if not any(a and b for a, b in zip(*(off_centre[key] for key in pair)))
    }
    factors = [key for key in off_centre if any(key in pair for pair in excluding)]
    central = [not any(off) for off in zip(*(off_centre[key] for key in factors))]
    if set(combinations(factors, 2)) != excluding or not any(central):
        return [Part(list(records), ())]
    found = []
    for factor in factors:
        fixed = tuple(key for key in factors if key != factor)
        beside = zip(*(off_centre[key] for key in fixed))
        kept = [r for r, others in zip(records, beside) if not any(others)]
        found.append(Part(kept, fixed))
    return found


def _off_centre(records: Sequence[Record]) -> dict[str, list[bool]]:
    """Of each run key that varies, and that all have, which Records are off it."""
    keys = (*NUMERIC, *NAMED)
    places = [tuple(record["run"].get(key) for key in keys) for record in records]
    columns, distinct = zip(*places), zip(*dict.fromkeys(places))
    found = {}
    for key, values, once in zip(keys, columns, distinct):
        if None not in values and len({*values}) > 1:
            ((centre, _),) = Counter(once).most_common(1)
            found[key] = [value != centre for value in values]
    return found
