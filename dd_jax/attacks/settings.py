"""The settings that fix the strength of an attack."""

from typing import NamedTuple

from dd_jax.types import Array


class Settings(NamedTuple):
    """What a reader of an attack's numbers needs to know.

    Attributes:
      steps: number of gradient steps, queries or random draws of each restart.
      step_size: absolute, in the units of eps (the first, where it adapts); None where
        there is none.
      restarts: number of random starts, of which the best counts.
      targets: number of target classes, the most likely wrong ones, each attacked in
        turn; 0 for an untargeted attack.
      random_start: whether any restart begins elsewhere than at the clean image.
      momentum: weight of the previous step in each step, or decay of the gradient
        average; 0 for none.
      loss: name of the loss that is maximised; None where there is none.
      eot: draws of a randomised model at each gradient (expectation over
        transformation); 0 for a deterministic model.
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
