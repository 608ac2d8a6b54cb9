"""What fixes the strength of an attack, as the code that runs it has it."""

from typing import NamedTuple

from dd_jax.types import Array


class Settings(NamedTuple):
    """What a reader of an attack's numbers needs to know.

    Attributes:
      steps: number of gradient steps, queries or draws of each run.
      step_size: absolute, in the units of eps (the first, where it adapts); None where
        there is none.
      restarts: number of starts, of which the best counts.
      targets: most likely wrong classes tried, each a run; 0 for untargeted.
      random_start: whether any run starts off the clean image.
      momentum: share of the step before in each step, or decay of the gradient average;
        0 for none.
      loss: what is raised; None where no loss is.
      eot: draws of a randomised model at each gradient; 0 for a plain model.
    """

    steps: int
    step_size: Array | None = None
    restarts: int = 1
    targets: int = 0
    random_start: bool = False
    momentum: float = 0.0
    loss: str | None = None
    eot: int = 0


def as_json(settings: Settings) -> dict:
    """The settings as plain JSON values, without those that do not apply.

    >>> as_json(Settings(5, momentum=0.25))["momentum"]
    0.25
    """
    row = settings._asdict()
    size = settings.step_size
    row["step_size"] = None if size is None else float(size)
    absent = {"targets": 0, "eot": 0, "loss": None}
    return {key: v for key, v in row.items() if key not in absent or v != absent[key]}
