"""Methods by name and whole distillations, as a notebook wants them."""

import inspect
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np

from dd_jax.catalogue import resolve
from dd_jax.distill.base import Experts, Method
from dd_jax.distill.distil_many import distil_many
from dd_jax.distill.precomputed import TrainExperts
from dd_jax.runtime.keys import named, stack
from dd_jax.runtime.loop import array_digest, run_loop
from dd_jax.runtime.stacked import row
from dd_jax.train.experts import expert_paths
from dd_jax.train.networks import augmentation, bar, schedule
from dd_jax.train.training import trainer
from dd_jax.types import Dataset, InputError, Key, Model, Split, SyntheticSet


def build(name: str | Callable[..., Method], model: Model, **options) -> Method:
    """Builds a method with some of its options.

    Args:
      name: of the catalogue, or a factory such as `matching` gives.
      model: the network, whose normalisation the images are learned in.
      **options: `ipc` and what else the method takes; see `Method`. Augmentations may
        be strategies of `dd_jax.data.dsa`, such as `color_crop_cutout`.

    Returns:
      A `Method`.

    Raises:
      InputError: no such name or option; less than one image a class.
    """
    factory = resolve("method", name) if isinstance(name, str) else name
    known = [p for p in inspect.signature(factory).parameters if p != "model"]
    unknown = set(options) - set(known)
    if unknown or "ipc" not in options:
        wrong = f"has no option {min(unknown)!r}" if unknown else "needs ipc"
        raise InputError(f"method {name!r} {wrong}; its options: {', '.join(known)}")
    if options["ipc"] < 1:
        raise InputError(f"ipc={options['ipc']}: at least one image a class is needed")
    for option in ("augment", "augment_net", "augment_student"):
        if isinstance(strategy := options.get(option), str):
            siamese, independent = augmentation(model, strategy)
            options[option] = siamese if option == "augment" else independent
    return factory(model, **options)


def distil(
    key: Key,
    method: Method,
    data: Dataset | Split,
    steps: int,
    *,
    experts: TrainExperts | None = None,
    progress: bool = True,
) -> SyntheticSet:
    """Distils one synthetic set from real data.

    Args:
      key: decides the start and every draw.
      method: as `build` gives it.
      data: the real rows; of a data set those of train.
      steps: updates of the images.
      experts: for methods that follow them; see `train_experts`.
      progress: whether to show a bar.

    Returns:
      The set; its metadata name the classes, where `data` does.

    Raises:
      InputError: fewer than one step, or no experts or releases where the method
        needs them.
      Diverged: the loss is not finite.
    """
    if steps < 1:
        raise InputError(f"distil: steps={steps}; give at least 1")
    if method.releases and experts is None:
        raise InputError(
            "distil: the method learns from releases of private rows, which launch.py "
            "makes and accounts for (--config.dp.epsilon)"
        )
    if method.experts and experts is None:
        raise InputError(
            "distil: the method follows experts; give "
            "experts=distill.train_experts(model, data)"
        )
    rows = data.train if isinstance(data, Dataset) else data
    every = np.ones((1, len(rows.labels)), bool)
    loop = bar("distil", progress)
    sets, _ = distil_many(
        method, stack(key, 1), rows, every, schedule(steps), loop, experts
    )
    names = list(data.class_names) if isinstance(data, Dataset) else None
    metadata = {"class_names": names} if names else {}
    return row(sets, 0)._replace(metadata=metadata)


def train_experts(
    model: Model,
    data: Dataset | Split,
    folder: str | Path | None = None,
    *,
    batch: int = 256,
    augment: str = "none",
) -> TrainExperts:
    """What trains the experts that a method follows.

    Args:
      model: the network.
      data: the real rows; of a data set those of train.
      folder: where their parameters are cached, apart for each network, data and way of
        training; default nowhere.
      batch: images a step.
      augment: a strategy of `dd_jax.data.dsa`.

    Returns:
      What `distil` takes as `experts`.
    """
    rows_of = data.train if isinstance(data, Dataset) else data
    recipe = partial(
        trainer,
        model,
        batch=batch,
        decay="none",
        augment=augmentation(model, augment).independent,
    )
    plain = {"momentum": 0.0, "weight_decay": 0.0}

    def paths(key: Key, rows: np.ndarray, wanted: Experts) -> np.ndarray:
        with tempfile.TemporaryDirectory() as temporary:
            found = expert_paths(
                recipe(**(plain if wanted.plain else {})),
                stack(named(key, "experts"), wanted.count),
                rows_of,
                rows,
                wanted.lr,
                wanted.stored,
                lambda label, place: partial(run_loop, label=label, folder=place),
                Path(folder) / name(wanted) if folder else temporary,
                whole=wanted.teaches,
            )
            return np.array(wanted.used(found))

    def name(wanted: Experts) -> str:
        one = jax.ShapeDtypeStruct((1, *rows_of.images.shape[1:]), np.float32)
        key = jax.random.key(0)
        start = jax.jit(model.init).lower(key).as_text()
        params = jax.eval_shape(model.init, key)
        network = jax.jit(model.train_apply).lower(params, one).as_text()
        how = [batch, augment, np.array(wanted.stored), wanted.lr, wanted.plain]
        how += ["teacher"] if wanted.teaches else []
        return array_digest([start, network, *how, rows_of.images, rows_of.labels])

    return paths
