"""Random real images with labels that the method of a run learns for them."""

from dd_jax import config as configs
from dd_jax.catalogue import resolve, takes
from dd_jax.report.control_names import LEARNED_LABELS
from dd_jax.run import stages
from dd_jax.run.cached import run_dir, stage_loop
from dd_jax.run.context import RunContext, label_rate, learns
from dd_jax.runtime.loop import Diverged
from dd_jax.system.notice import notice
from dd_jax.types import SyntheticSet

_STAGE = "controls, learned labels"
_STILL = 1e-30  # a learning rate at which images in float32 stay as they are


def images_with_learned_labels(run: RunContext) -> SyntheticSet | None:
    """Sets of random real images with labels that the run's method learns for them.

    The run's own distillation, from as many of all training rows, stored as those of
    the run are and from its keys, in which images stay as they start; a learning rate
    that is learned with the set is learned here too.

    Args:
      run: the run.

    Returns:
      As many sets as the run has; None where the method learns no labels or its images
      cannot be kept, of a loaded set, of private rows, which nothing else may see, and,
      with a notice, where the distillation diverges.
    """
    config, factory = run.config, resolve("method", run.config.distill.method)
    known = config.distill.load or config.distill.labels != "own"
    kept = all(takes(factory, name) for name in ("lr", "lr_labels", "init"))
    learned = learns(config) and label_rate(config)
    if known or config.dp.epsilon or not learned or not kept:
        return None
    changes = {"distill.lr": _STILL, "distill.init": "real"}
    still = configs.override(config, changes, LEARNED_LABELS)
    loop = stage_loop(run, "controls", run_dir(run, LEARNED_LABELS) / "distil", _STAGE)
    try:
        return stages.distilled(run._replace(config=still), loop)[0]
    except Diverged as error:
        notice(f"{_STAGE}: {error}; left out")
        return None
