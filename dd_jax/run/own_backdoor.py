"""The backdoor that a run puts into its own sets: checked, saved beside them."""

from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from dd_jax.data.trigger import Trigger
from dd_jax.distill.wrappers.poisoned_distillation import stamped_rows
from dd_jax.run.context import RunContext, require_matches
from dd_jax.system import workdir
from dd_jax.types import Dataset, InputError

FILE = "trigger.npz"


def require_backdoor(config: ConfigDict, data: Dataset) -> None:
    """Refuses a backdoor that the method, the classes or the images do not allow.

    Raises:
      InputError: the first problem.
    """
    rate, target, size = (config.backdoor[key] for key in ("rate", "target", "size"))
    classes, shape = len(data.class_names), data.train.images.shape[1:]
    if config.mitigate.fair.form != "none":
        raise InputError(
            f"backdoor.rate={rate:g}: batches of fair distillation cannot be stamped; "
            "take mitigate.fair.form=none"
        )
    if config.distill.init == "balanced":
        raise InputError(
            f"backdoor.rate={rate:g}: stamped images have no group; take "
            "distill.init=real"
        )
    require_matches(config.distill.method, f"backdoor.rate={rate:g}", "stamped")
    if target >= classes:
        raise InputError(
            f"backdoor.target={target}: {data.name} has classes 0 to {classes - 1}"
        )
    if size > min(shape[:2]):
        raise InputError(
            f"backdoor.size={size}: larger than images of {shape[0]}x{shape[1]} pixels"
        )
    most = int(np.bincount(data.train.labels).max())
    stamped_rows(rate, classes, min(config.distill.batch_real, most))


def saving_trigger(run: RunContext, loop: Callable) -> Callable:
    """The loop of a distillation that leaves its triggers beside the sets."""

    def saved(*arguments, **schedule):
        result = loop(*arguments, **schedule)
        patches = np.asarray(result.state.patch)
        workdir.write_npz(run.folder / FILE, patches=patches)
        return result

    return saved if run.config.backdoor.rate else loop


def trigger_of(run: RunContext) -> Trigger | None:
    """The trigger of a run's own sets; None where they have no backdoor."""
    if not run.config.backdoor.rate:
        return None
    with np.load(run.folder / FILE) as file:
        return Trigger(file["patches"], run.config.backdoor.target)
