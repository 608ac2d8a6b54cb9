"""Attacks radius after radius, each on the images that stand at all smaller ones."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from dd_jax.attacks import ATTACKS, Attack
from dd_jax.attacks.constraints import ball_of
from dd_jax.attacks.inputs import check_logits
from dd_jax.audits.robustness.chunks import chunked, outputs
from dd_jax.runtime.parallel import map_models
from dd_jax.runtime.reuse import reused
from dd_jax.types import Array, Key, Params


def attack_what_stands(
    key: Key,
    name: str,
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: np.ndarray,
    labels: np.ndarray,
    eps: np.ndarray,
    chunk: int,
    settings: dict,
    among: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The numbers of an epsilon curve whose fallen images are dropped.

    What falls in a ball falls in all larger ones, so radii follow one another, smallest
    first. Programs compile once for all nets and radii; chunks are spread over
    accelerators.

    Args:
      key: typed PRNG key; each net and radius has one of its own.
      name: a key of `ATTACKS`, of the host or not.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: parameters of s nets, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in any order.
      chunk: images attacked, and judged, at once.
      settings: further (hashable) settings of the attack.
      among: `bool[s n]`, what stands at first of what is right when clean.

    Returns:
      Clean logits `f32[s n k]`, `bool[s e n]` what stands, `f64[s e]` excess and
      components as in `Curve`.

    Raises:
      InputError: as `check_logits`.
    """
    on_host = ATTACKS[name](eps=0.0, **settings).on_host

    def make(radius: float) -> Attack:
        if on_host:
            return ATTACKS[name](eps=radius, **settings)
        return _in_chunks(name, radius, chunk, settings)

    of_net = lambda i: jax.tree.map(lambda leaf: leaf[i], params)
    each = [
        _one_net(
            jax.random.fold_in(key, i),
            make,
            Partial(apply, of_net(i)),
            jnp.asarray(images, jnp.float32),
            labels,
            eps,
            chunk,
            True if among is None else among[i],
        )
        for i in range(len(jax.tree.leaves(params)[0]))
    ]
    *arrays, traces = zip(*each, strict=True)
    logits, robust, excess = map(np.stack, arrays)
    # Where nothing was left to attack no component ran, and nothing stands after it.
    names = dict.fromkeys(name for net in traces for at in net for name in at)
    stands = lambda name: [
        [at.get(name, left) for at, left in zip(*net)] for net in zip(traces, robust)
    ]
    return logits, robust, excess, {name: np.array(stands(name)) for name in names}


@partial(jax.jit, static_argnums=0)
def _distances(norm, images, others):
    return jax.vmap(ball_of(norm, 0.0).norm)(images - others)


def _one_net(key, make, logits_fn, images, labels, eps, chunk, among):
    """Clean logits `[n k]`, robust `[e n]`, excess `[e]`, components e x `{[n]}`."""
    logits = outputs(logits_fn, images, chunk)
    check_logits(logits, labels)
    standing = (logits.argmax(-1) == labels) & among
    robust, excess = np.zeros((len(eps), len(labels)), bool), np.zeros(len(eps))
    traces: list[dict] = [{} for _ in eps]
    for i in np.argsort(eps, kind="stable"):
        rows = np.flatnonzero(standing)
        if len(rows):
            attack, clean = make(float(eps[i])), np.asarray(images)[rows]
            task = jax.random.fold_in(key, i), logits_fn, clean, labels[rows]
            attacked, after = _traced(attack, *task)
            for name, stands in after.items():
                traces[i][name] = standing.copy()
                traces[i][name][rows] = stands
            padded = np.asarray(images).copy()
            padded[rows] = attacked
            distance = float(_distances(attack.ball.name, padded, images).max())
            outside_ball = (distance - eps[i]) / max(1.0, eps[i])
            excess[i] = max(outside_ball, attacked.max() - 1.0, -attacked.min())
            standing &= outputs(logits_fn, padded, chunk).argmax(-1) == labels
        robust[i] = standing
    return logits, robust, excess, traces


def _traced(attack: Attack, *task) -> tuple[Array, dict[str, np.ndarray]]:
    """The images, and what stands after each component, of which most have none."""
    return attack.traced(*task) if attack.traced else (attack(*task), {})


def _in_chunks(name: str, eps: float, chunk: int, settings: dict) -> Attack:
    """A compiled attack as one of the host, on any number of images."""
    attack_chunks = _on_chunks(ATTACKS[name], tuple(sorted(settings.items())))

    def run(key, logits_fn, images, labels):
        rows = chunked(len(images), chunk)
        keys = jax.vmap(partial(jax.random.fold_in, key))(np.arange(len(rows)))
        shared = logits_fn, np.float32(eps)
        found = attack_chunks(shared, keys, images[rows], labels[rows])
        return np.concatenate(found)[: len(images)]

    return ATTACKS[name](eps=eps, **settings)._replace(run=run)


@reused
def _on_chunks(make: Callable, settings: tuple):
    """`((logits_fn, eps), keys, images, labels)`, on chunks that devices share."""

    def run(shared, key, images, labels):
        logits_fn, eps = shared
        return make(eps=eps, **dict(settings))(key, logits_fn, images, labels)

    return map_models(run)
