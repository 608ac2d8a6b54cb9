"""What a user should know before the first stage of a run."""

import math

from ml_collections import ConfigDict

from dd_jax.data.zca import fitting_bytes, fitting_seconds
from dd_jax.run.read_data import dataset
from dd_jax.runtime.memory_plan import size_in_words

_QUICK = 2000  # values of an image that ZCA whitens within seconds


def forecast(config: ConfigDict) -> str:
    """What to know before the first stage of a run, a line each; empty if nothing.

    Args:
      config: a config that passes `check`.
    """
    return "\n".join(filter(None, (_whitening_minutes(config), _cut_growth(config))))


def _cut_growth(config: ConfigDict) -> str:
    """That the window of experts does not reach its end within the run."""
    distill, mtt = config.distill, config.distill.mtt
    grows = mtt.growth and mtt.first_max_start < mtt.max_start
    whole = not grows or mtt.growth < distill.steps
    if distill.load or distill.method != "mtt" or whole:
        return ""
    return (
        f"distill.mtt.growth={mtt.growth}: the run has {distill.steps} steps, in which "
        f"the window does not reach max_start={mtt.max_start}"
    )


def _whitening_minutes(config: ConfigDict) -> str:
    """How long whitening takes, where that is minutes."""
    if not config.data.zca or config.distill.load:
        return ""
    shape = dataset(config).train.images.shape
    values = math.prod(shape[1:])
    if values < _QUICK:
        return ""
    minutes = math.ceil(fitting_seconds(shape) / 60)
    return (
        f"data.zca: whitening starts with the eigenvectors of {values} x {values} "
        f"covariances, about {minutes} min and {size_in_words(fitting_bytes(shape))}"
    )
