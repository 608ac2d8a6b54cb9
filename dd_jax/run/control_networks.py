"""Networks that the controls of a run need, beside those of its pipelines."""

from collections.abc import Callable

import numpy as np

from dd_jax import config as configs
from dd_jax.report.control_names import LEARNED_LABELS, SAME_LABELS, SAME_STEPS
from dd_jax.run import stages
from dd_jax.run.cached import (
    advised,
    in_ten_calls,
    one_per_call,
    run_dir,
    stage_loop,
)
from dd_jax.run.context import (
    AUDIT_PRECISION,
    RunContext,
    build_context,
    images_per_class,
)
from dd_jax.run.learned_labels import images_with_learned_labels
from dd_jax.run.taught import teacher_of
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import stack
from dd_jax.runtime.precision import computing_in
from dd_jax.train.many import train_on_rows
from dd_jax.train.recipe import batches
from dd_jax.train.training import FitState
from dd_jax.types import Params, Split, SyntheticSet


def epochs_as_on_set(run: RunContext, in_set: int, images: int) -> int:
    """Epochs on some images that take as many steps as training on a set does.

    Args:
      run: the run.
      in_set: images that networks see of a set, all tiles of those that are stored.
      images: that there are.
    """
    steps = lambda rows: batches(rows, run.config.train.batch)[1]
    return max(1, round(run.config.train.epochs * steps(in_set) / steps(images)))


def networks_on_some_rows(
    run: RunContext, rows: Split, chosen: np.ndarray, name: str, in_set: int = 0
) -> Params:
    """A network on each choice of real rows, by the recipe of networks on a set.

    Args:
      run: the run.
      rows: real images with labels, classes or probabilities `f32[n k]`.
      chosen: `i64[s m]`.
      name: of the control, from which the keys follow.
      in_set: images that networks see of a set, which take as many steps; default m.
    """
    run = run._replace(cost=Cost())  # the audit counts what it takes
    keys = stack(run.key(f"controls {name}"), len(chosen))
    images, lr = chosen.shape[1], run.config.train.lr
    epochs = epochs_as_on_set(run, in_set or images, images)
    folder = run_dir(run, f"controls_{epochs}_epochs")
    loop = stage_loop(run, "controls", folder, f"controls, {name}")
    schedule = in_ten_calls(epochs)
    return train_on_rows(run.trainer, keys, rows, chosen, lr, schedule, loop)


def watched_networks(
    run: RunContext, rows: Split, nets: int, watch: Callable[[Params, int, int], None]
) -> Params:
    """Networks on real rows, by the recipe of those on the full data, seen as they go.

    They are not saved on the way, since what was seen of them would be lost.

    Args:
      run: the run.
      rows: that they learn from.
      nets: how many.
      watch: shown parameters, the epoch that they have reached, and how many there are.
    """
    config, total = run.config, run.config.train.full_epochs

    def loop(advance, state, **schedule):
        with advised(run, "controls", "controls"), computing_in(config.precision):
            return run.loop(advance, state, label="controls, scores", **schedule)

    def seen(state: FitState, epoch: int) -> None:
        with computing_in(AUDIT_PRECISION):
            watch(state.params, epoch, total)

    return train_on_rows(
        run.trainer,
        stack(run.key("controls scores"), nets),
        rows,
        None,
        config.train.lr,
        one_per_call(total),
        loop,
        seen,
    )


def unaugmented_networks(run: RunContext, sets: SyntheticSet) -> dict[str, Params]:
    """Networks of each pipeline, trained without augmentation and CutMix.

    Args:
      run: the run.
      sets: its synthetic sets.

    Returns:
      `{PIPE: params}`, and those of `random_images`, with one label of each image and
      those that were learned as they are; empty where networks are trained without in
      any case.
    """
    changes = {"train.augment": "none", "train.cutmix": 0.0}
    config = configs.override(run.config, changes, "unaugmented")
    if config.train == run.config.train:
        return {}
    folder = run_dir(run, "unaugmented")
    plain = build_context(config, folder, run.cache)._replace(cost=Cost())
    found = {
        "distilled": stages.networks_on_sets(plain, sets._replace(views=None)),
        "random_subset": stages.networks_on_subsets(plain),
        "full_data": stages.networks_on_full_data(plain),
    }
    epochs = _epochs_on_random(plain, sets.images.shape[1])
    if given := teacher_of(run, epochs):
        found[SAME_LABELS] = stages.networks_on_subsets(
            run, given, epochs, trained_as=plain
        )
    elif not sets.soft and epochs != config.train.epochs:
        found[SAME_STEPS] = stages.networks_on_subsets(plain, None, epochs)
    return found | _on_learned_labels(run, plain)


def random_images(run: RunContext, in_set: int) -> dict[str, Params]:
    """Networks on random images like the run's sets, where random subsets are not.

    They take as many steps as networks on the sets, and have the labels of the sets'
    teacher, of the same budget of bytes, where there is one. Where the method learns
    labels, it learns those of random images as well, in as many steps.

    Args:
      run: the run.
      in_set: images that networks see of a set.

    Returns:
      As many as on random subsets, `{same_labels: params}` where sets have a teacher
      and `{same_steps: params}` where they have none, unless random subsets take these
      steps already; as many as on the sets, `{learned_labels: params}`.
    """
    epochs, found = _epochs_on_random(run, in_set), {}
    given = teacher_of(run, epochs)
    if given or epochs != run.config.train.epochs:
        networks = stages.networks_on_subsets(run, given, epochs, "controls")
        found[SAME_LABELS if given else SAME_STEPS] = networks
    return found | _on_learned_labels(run, run)


def _on_learned_labels(run: RunContext, trained_as: RunContext) -> dict[str, Params]:
    """Networks on `images_with_learned_labels`, by the recipe of `trained_as`."""
    sets = images_with_learned_labels(run)
    if sets is None:
        return {}
    apart = trained_as._replace(folder=run_dir(trained_as, LEARNED_LABELS))
    return {LEARNED_LABELS: stages.networks_on_sets(apart, sets, "controls")}


def _epochs_on_random(run: RunContext, in_set: int) -> int:
    images = images_per_class(run.config) * len(run.dataset.class_names)
    return epochs_as_on_set(run, in_set, images)
