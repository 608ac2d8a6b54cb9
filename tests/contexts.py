"""What an audit is given, with untrained networks in place of those of a run."""

from functools import cache, partial

import jax
import numpy as np
from tiny import BARE, MLP, make

from dd_jax import data, models
from dd_jax.audits import Context
from dd_jax.audits.audit import PIPES
from dd_jax.intervals import mean_interval
from dd_jax.run.audit_context import options_of
from dd_jax.runtime.keys import named, stack
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import SyntheticSet

COUNTS = {"distilled": 2, "random_subset": 2, "full_data": 1}


@cache
def digits():
    return data.load("digits", num_classes=3)


@cache
def network(name="mlp", **fields):
    given = digits()
    norms = {"mean": given.mean, "std": given.std}
    return models.build(name, 3, given.train.images.shape[1:], **norms, **fields)


def untrained(count, seed=0, model=None):
    """Parameters of networks as they are initialised."""
    return jax.vmap((model or network()).init)(stack(jax.random.key(seed), count))


def real_set(ipc=2, dataset=None):
    """One set, with a leading axis: the first real images of each class."""
    images, labels, _ = (dataset or digits()).train
    classes = int(labels.max()) + 1
    rows = np.concatenate([np.flatnonzero(labels == c)[:ipc] for c in range(classes)])
    pixels, one_hot = images[rows] / np.float32(255), np.eye(classes)[labels[rows]]
    return SyntheticSet(pixels[None], one_hot[None], np.full(1, np.float32(0.01)))


def context(name, dataset=None, sets=None, changes=None, **parts):
    """The context of an audit.

    Args:
      name: of the audit.
      dataset: default digits 0, 1 and 2.
      sets: default two real images a class.
      changes: dotted config keys and their values.
      **parts: other fields of the context in place of those made here.
    """
    given, model = dataset or digits(), network()
    config = make(BARE | MLP | (changes or {}))
    files: dict = {}
    kept: dict = {}

    def cached(file, make, pipe="distilled"):
        if (file, pipe) not in kept:
            kept[file, pipe] = make()
        return kept[file, pipe]

    seeds = {pipe: seed for seed, pipe in enumerate(PIPES)}
    networks = {pipe: untrained(COUNTS[pipe], seeds[pipe]) for pipe in PIPES}
    evaluation = given.validation or given.test
    fields = {
        "dataset": given,
        "evaluation": evaluation,
        "model": model,
        "key": partial(named, jax.random.key(0)),
        "sets": sets or real_set(dataset=given),
        "networks": networks,
        "logits": lambda pipe: np.asarray(
            logits_of_each(model, networks[pipe], evaluation.images)
        ),
        "estimate": lambda pipe, values: mean_interval(values),
        "cached": cached,
        "train": lambda sets, stage: untrained(2, seed=9),
        "variants": dict,
        "undefended": lambda: networks["full_data"],
        "save": files.__setitem__,
    } | parts
    made = lambda other: Context(options=options_of(config, other), of=made, **fields)
    return made(name), files
