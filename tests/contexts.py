"""What an audit is given, with untrained networks in place of those of a run."""

from functools import cache

import jax
import numpy as np

from dd_jax import data, models
from dd_jax.audits import in_memory
from dd_jax.runtime.keys import stack
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


def context(name, dataset=None, sets=None, others=None, fields=None, **options):
    """The context of an audit, and the files that it leaves.

    Args:
      name: of the audit.
      dataset: default digits 0, 1 and 2.
      sets: default two real images a class.
      others: options of other audits, by their name.
      fields: of the context, in place of those made here.
      **options: of the audit.
    """
    given, files = dataset or digits(), {}
    counts = enumerate(COUNTS.items())
    networks = {pipe: untrained(count, seed) for seed, (pipe, count) in counts}
    sets = sets or real_set(dataset=given)
    fields = {
        "train": lambda sets, stage: untrained(2, seed=9),
        "save": files.__setitem__,
    } | (fields or {})
    make = lambda audit, **of: in_memory.context(
        audit, given, network(), networks, sets=sets, fields=fields, **of
    )
    made = make(name, **options)
    others = {k: make(k, **of) for k, of in (others or {}).items()} | {name: made}
    of = lambda other: others[other]._replace(of=of, cached=made.cached)
    return made._replace(of=of), files
