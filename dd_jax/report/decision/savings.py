"""What training on a distilled set saves against the full data, and what it costs."""

from collections.abc import Sequence
from typing import NamedTuple

from dd_jax.report import headline
from dd_jax.types import Record


class Savings(NamedTuple):
    """Seconds of one set and one network, and the size of the set.

    Attributes:
      distill: seconds of one distillation, with the networks that it needs first;
        None where not measured, as in a set that was loaded.
      train: seconds of training one network on the set.
      full: seconds of training one network on the full data.
      ratio: images of the set over rows of train.
    """

    distill: float | None
    train: float | None
    full: float | None
    ratio: float | None

    @property
    def faster(self) -> float | None:
        """How many times as long training on the full data takes."""
        return self.full / self.train if self.full and self.train else None

    @property
    def break_even(self) -> float | None:
        """After how many trainings the distillation is paid; None where never."""
        if self.distill is None or self.full is None or self.train is None:
            return None
        saved = self.full - self.train
        return self.distill / saved if saved > 0 else None


def savings(repeats: Sequence[Record]) -> Savings:
    """Means over the runs of one setting."""
    return Savings(
        _mean([_one_set(record) for record in repeats]),
        _mean([_each(record, "train", "sets", "nets") for record in repeats]),
        _mean([_each(record, "full_data", "full_nets") for record in repeats]),
        _mean([record["run"].get("ratio") for record in repeats]),
    )


def _one_set(record: Record) -> float | None:
    """Seconds of one set; what it needed beside its steps the others share."""
    steps = _each(record, "distill", "sets")
    before = headline.preparation_seconds(record)
    return None if steps is None or before is None else steps + before


def _each(record: Record, stage: str, *counts: str) -> float | None:
    seconds = (record.get("cost") or {}).get(f"{stage}_seconds")
    for count in counts:
        number = record["run"].get(count)
        seconds = seconds / number if seconds and number else seconds
    return seconds


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value]
    return sum(known) / len(known) if known else None
