"""Networks in a notebook: training on a synthetic set or on real data, accuracy."""

import math
import time
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from dd_jax.data import dsa
from dd_jax.data.augment import Augment
from dd_jax.runtime.loop import Diverged, LoopResult
from dd_jax.runtime.reuse import reused
from dd_jax.train.evaluate import predictions
from dd_jax.train.many import Loop, Schedule, train_on_rows, train_on_sets
from dd_jax.train.training import trainer
from dd_jax.train.views import require_same_views
from dd_jax.types import (
    Array,
    Dataset,
    InputError,
    Key,
    Model,
    Params,
    Split,
    SyntheticSet,
)

_CALLS = 20  # compiled calls of a loop, between which its bar moves
_LR = 0.01  # for real data


@reused
def augmentation(model: Model, strategy: str) -> Augment:
    """Differentiable siamese augmentation, normalised as the model's data are.

    Args:
      model: gives mean and standard deviation.
      strategy: as `dd_jax.data.dsa` takes it, such as `color_crop_cutout`.
    """
    return dsa(strategy, model.mean, model.std)


def bar(label: str, progress: bool = True) -> Loop:
    """A host loop with a progress bar that saves nothing.

    Args:
      label: what the bar says.
      progress: whether there is a bar.

    Returns:
      What `distil_many` and `train_on_sets` take as `loop`.
    """

    def loop(advance, state, *, total: int, per_call: int, inputs=()) -> LoopResult:
        began = time.perf_counter()
        with tqdm(total=total, desc=label, disable=not progress) as shown:
            for first in range(0, total, per_call):
                last = min(first + per_call, total)
                state, info = advance(state, first, last)
                loss = float(info["loss"])
                if not math.isfinite(loss):
                    raise Diverged(f"{label}: loss is {loss} by step {last}")
                shown.set_postfix(loss=f"{loss:.4g}")
                shown.update(last - first)
        return LoopResult(jax.block_until_ready(state), time.perf_counter() - began)

    return loop


def schedule(total: int) -> Schedule:
    """Steps in about twenty compiled calls.

    >>> schedule(300), schedule(7)
    (Schedule(total=300, per_call=15), Schedule(total=7, per_call=1))
    """
    return Schedule(total, max(1, -(-total // _CALLS)))


def train(
    key: Key,
    model: Model,
    data: SyntheticSet | Dataset | Split,
    *,
    nets: int = 1,
    epochs: int = 300,
    lr: float | None = None,
    batch: int = 256,
    augment: str | Callable[[Key, Array], Array] = "none",
    progress: bool = True,
) -> Params:
    """Trains networks by the evaluation recipe of the distillation literature.

    Args:
      key: decides starts, orders and augmentation.
      model: the network.
      data: a synthetic set, or real data, of which the training rows are used.
      nets: number of networks, which differ in their random draws only.
      epochs: length of the schedule.
      lr: learning rate; default that of the synthetic set, 0.01 for real data.
      batch: images a step.
      augment: a strategy of `dd_jax.data.dsa`, or `(key, f32[n h w c]) -> images`.
      progress: whether to show a bar.

    Returns:
      Parameters with a leading axis `nets`.

    Raises:
      InputError: fewer than one network, epoch or image a step, a label that the model
        has no class for, or a set with labels of other views:
        by another augmentation, or of images that the model normalises in another way.
      Diverged: the loss is not finite.
    """
    if min(nets, epochs, batch) < 1:
        raise InputError(
            f"train: nets={nets}, epochs={epochs}, batch={batch}; give each 1 or more"
        )
    if isinstance(data, SyntheticSet) and data.views is not None:
        require_same_views(data, augment, "augment", model.mean, model.std)
    if isinstance(augment, str):
        augment = augmentation(model, augment).independent
    recipe = trainer(model, batch=batch, augment=augment)
    keys, loop = jax.random.split(key, nets), bar("train", progress)
    if isinstance(data, SyntheticSet):
        chex.assert_rank([data.images, data.labels], [4, 2])
        rate = data.lr if lr is None else lr
        one = data._replace(lr=jnp.float32(rate), metadata=None)
        sets = jax.tree.map(lambda a: jnp.stack([jnp.asarray(a)] * nets), one)
        return train_on_sets(recipe, keys, sets, schedule(epochs), loop)
    rows = _in_classes_of(model, data.train if isinstance(data, Dataset) else data)
    rate = _LR if lr is None else lr
    return train_on_rows(recipe, keys, rows, None, rate, schedule(epochs), loop)


def _in_classes_of(model: Model, rows: Split) -> Split:
    """Rows with a probability for each class of the model, also where some are absent.

    Raises:
      InputError: a label that the model has no class for.
    """
    if rows.labels.ndim == 2:
        return rows
    params = jax.eval_shape(model.init, jax.random.key(0))
    one = jax.ShapeDtypeStruct((1, *rows.images.shape[1:]), np.float32)
    classes = jax.eval_shape(model.apply, params, one).shape[-1]
    if (highest := int(rows.labels.max())) >= classes:
        raise InputError(f"train: label {highest}, and the model has {classes} classes")
    return rows._replace(labels=jax.nn.one_hot(rows.labels, classes))


def accuracy(model: Model, params: Params, data: Dataset | Split) -> np.ndarray:
    """Share of images that each network classifies correctly.

    Args:
      model: the network.
      params: with a leading axis of networks, as `train` gives them.
      data: real images; of a data set the test rows.

    Returns:
      `f64[nets]`, fractions.
    """
    rows = data.test if isinstance(data, Dataset) else data
    return (predictions(model, params, rows.images) == rows.labels).mean(1)
