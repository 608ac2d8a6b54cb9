"""Sequential radii: each attacks only what is right at all smaller ones."""

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
from dd_jax.runtime.stacked import row, size
from dd_jax.types import Array, Key, Params


def attack_sequential_radii(
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
    """An epsilon curve that drops images once they are broken.

    An image broken in a ball is broken in all larger ones, so that radii are attacked
    in ascending order. Programs compile once for all networks and radii; chunks are
    spread over accelerators.

    Args:
      key: typed PRNG key; each network and radius has its own.
      name: a key of `ATTACKS`, on the host or not.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: parameters of s networks, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in any order.
      chunk: batch size.
      settings: further (hashable) settings of the attack.
      among: `bool[s n]`, the images to attack; default all that are right when clean.

    Returns:
      Clean logits `f32[s n k]`, and robust `bool[s e n]`, excess `f64[s e]` and
      components as in `Curve`.

    Raises:
      InputError: as `check_logits`.
    """
    on_host = ATTACKS[name](eps=0.0, **settings).on_host

    def make(radius: float) -> Attack:
        if on_host:
            return ATTACKS[name](eps=radius, **settings)
        return _in_chunks(name, radius, chunk, settings)

    each = [
        _one_net(
            jax.random.fold_in(key, i),
            make,
            Partial(apply, row(params, i)),
            jnp.asarray(images, jnp.float32),
            labels,
            eps,
            chunk,
            True if among is None else among[i],
        )
        for i in range(size(params))
    ]
    *arrays, components = zip(*each, strict=True)
    logits, robust, excess = map(np.stack, arrays)
    # Where no image was left to attack no component ran: after each nothing is right.
    names = dict.fromkeys(name for net in components for at in net for name in at)
    right_after = lambda name: [
        [at.get(name, left) for at, left in zip(*net)]
        for net in zip(components, robust)
    ]
    by_name = {name: np.array(right_after(name)) for name in names}
    return logits, robust, excess, by_name


@partial(jax.jit, static_argnums=0)
def _distances(norm, images, others):
    return jax.vmap(ball_of(norm, 0.0).norm)(images - others)


def _one_net(key, make, logits_fn, images, labels, eps, chunk, among):
    """Clean logits `[n k]`, robust `[e n]`, excess `[e]`, components e x `{[n]}`."""
    logits = outputs(logits_fn, images, chunk)
    check_logits(logits, labels)
    still_right = (logits.argmax(-1) == labels) & among
    robust, excess = np.zeros((len(eps), len(labels)), bool), np.zeros(len(eps))
    components: list[dict] = [{} for _ in eps]
    for i in np.argsort(eps, kind="stable"):
        rows = np.flatnonzero(still_right)
        if len(rows):
            attack, clean = make(float(eps[i])), np.asarray(images)[rows]
            task = jax.random.fold_in(key, i), logits_fn, clean, labels[rows]
            attacked, after = _with_components(attack, *task)
            for name, right in after.items():
                components[i][name] = still_right.copy()
                components[i][name][rows] = right
            padded = np.asarray(images).copy()
            padded[rows] = attacked
            distance = float(_distances(attack.ball.name, padded, images).max())
            outside_ball = (distance - eps[i]) / max(1.0, eps[i])
            excess[i] = max(outside_ball, attacked.max() - 1.0, -attacked.min())
            still_right &= outputs(logits_fn, padded, chunk).argmax(-1) == labels
        robust[i] = still_right
    return logits, robust, excess, components


def _with_components(attack: Attack, *task) -> tuple[Array, dict[str, np.ndarray]]:
    """The images, and which are right after each component of an ensemble."""
    if attack.run_components is None:
        return attack(*task), {}
    return attack.run_components(*task)


def _in_chunks(name: str, eps: float, chunk: int, settings: dict) -> Attack:
    """A compiled attack as a host function, on any number of images."""
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
    """`((logits_fn, eps), keys, images, labels)`, on chunks spread over devices."""

    def run(shared, key, images, labels):
        logits_fn, eps = shared
        return make(eps=eps, **dict(settings))(key, logits_fn, images, labels)

    return map_models(run, chunk=None)
