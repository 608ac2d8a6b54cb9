"""Attacks on several nets at several radii, and which images withstand them."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import Partial

from dd_jax.attacks import ATTACKS, describe
from dd_jax.types import Array, InputError, Key, Params


class Curve(NamedTuple):
    """One attack on s nets, e radii and n images.

    Attributes:
      settings: `describe(...)` of the attack at each radius, e dicts.
      clean: `bool[s n]`, correct on the clean image.
      robust: `bool[s e n]`, correct on the clean image and on the attacked one: the
        clean image lies in every ball, so an example that falls there is not robust.
      excess: `f64[s e]`, the furthest that any attacked image left its ball (over
        `max(1, eps)`) or the box; at most 0 but for rounding.
      num_classes: number of classes of the nets.
    """

    settings: list[dict]
    clean: np.ndarray
    robust: np.ndarray
    excess: np.ndarray
    num_classes: int | None = None


def epsilon_curve(
    key: Key,
    name: str,
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: Array,
    labels: Array,
    eps: Array,
    *,
    chunk: int,
    **settings,
) -> Curve:
    """Attack every image at every radius, on several nets, in one compiled program.

    The radii are traced and mapped (a batch of the model is `chunk * e` images); nets
    and chunks of images follow one another. Each (net, chunk) has a key of its own,
    which all radii share, so that neighbouring points of the curve differ by the
    radius and not by the random start. A distance-minimising attack, which does not
    depend on the radius, runs once for all of them.

    An attack of the host (AutoAttack) takes the radii one after another, smallest
    first, and only on the images that stand: what falls in a ball falls in all larger
    ones. Its components compile once for all nets and radii.

    Args:
      key: typed PRNG key.
      name: a key of `ATTACKS`.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`; one function object
        for all calls keeps the program compiled.
      params: parameters of the nets, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in pixel units, at least 0; include 0 to have it checked.
      chunk: images attacked at once, per radius; the last chunk is padded.
      **settings: further (hashable) settings of the attack.

    Returns:
      A `Curve`.

    Raises:
      InputError: unknown attack, pixels outside [0, 1], counts that differ, a negative
        radius, an empty axis, or a model whose outputs are probabilities or not finite.
    """
    images, labels, eps = np.asarray(images), np.asarray(labels), np.asarray(eps)
    _check_inputs(images, labels, eps, chunk)
    described = [describe(name, float(e), **settings) for e in eps]
    nets = len(jax.tree.leaves(params)[0])
    if ATTACKS[name](eps=0.0, **settings).on_host:
        make = lambda radius: ATTACKS[name](
            eps=float(radius), **{"batch": chunk} | settings
        )
        of_net = lambda i: jax.tree.map(lambda leaf: leaf[i], params)
        results = [
            _attack_on_host(
                jax.random.fold_in(key, i),
                make,
                Partial(apply, of_net(i)),
                jnp.asarray(images, jnp.float32),
                labels,
                eps,
            )
            for i in range(nets)
        ]
        logits, robust, excess = (np.stack(part) for part in zip(*results, strict=True))
        clean = logits.argmax(-1) == labels
        return Curve(described, clean, robust, excess, logits.shape[-1])
    n = len(images)
    keys, padded = keys_and_rows(key, params, n, chunk)
    logits, correct, excess = _attack_all(
        name,
        tuple(sorted(settings.items())),
        apply,
        keys,
        params,
        jnp.asarray(images[padded], jnp.float32),
        jnp.asarray(labels[padded], jnp.int32),
        jnp.asarray(eps, jnp.float32),
    )
    logits = np.asarray(logits).reshape(nets, padded.size, -1)[:, :n]
    check_logits(logits)
    correct = np.moveaxis(np.asarray(correct), 1, 2)
    clean = logits.argmax(-1) == labels
    robust = correct.reshape(nets, len(eps), -1)[..., :n] & clean[:, None]
    excess = np.asarray(excess, np.float64).max(1)
    return Curve(described, clean, robust, excess, logits.shape[-1])


def minimal_distances(
    key: Key,
    name: str,
    apply: Callable[[Params, Array], Array],
    params: Params,
    images: Array,
    labels: Array,
    *,
    chunk: int,
    **settings,
) -> np.ndarray:
    """How far the closest adversarial example is, on several nets.

    Args:
      key: typed PRNG key.
      name: a distance-minimising attack, such as `cw_l2`, `deepfool`, `fab_t`.
      apply: as in `epsilon_curve`.
      params: parameters of the nets, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      chunk: images attacked at once.
      **settings: further (hashable) settings of the attack.

    Returns:
      `f64[s n]`, in the attack's norm: 0 where the clean image is misclassified,
      infinity where no adversarial example was found.

    Raises:
      InputError: as `epsilon_curve`, and an attack that does not minimise a distance.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _check_inputs(images, labels, np.zeros(1), chunk)
    describe(name, 0.0, **settings)
    if ATTACKS[name](eps=0.0, **settings).minimise is None:
        raise InputError(
            f"attack {name!r} minimises no distance; take cw_l2, deepfool or fab_t"
        )
    keys, rows = keys_and_rows(key, params, len(images), chunk)
    distances = _minimise_all(
        name,
        tuple(sorted(settings.items())),
        apply,
        keys,
        params,
        jnp.asarray(images[rows], jnp.float32),
        jnp.asarray(labels[rows], jnp.int32),
    )
    return np.asarray(distances, np.float64).reshape(len(keys), -1)[:, : len(images)]


def keys_and_rows(
    key: Key, params: Params, n: int, chunk: int
) -> tuple[Array, np.ndarray]:
    """What work is cut into.

    Args:
      key: typed PRNG key.
      params: parameters of s nets, each leaf with a leading axis s.
      n: number of images.
      chunk: images at once.

    Returns:
      A key for each net and chunk, `key[s p]`, and the rows of each chunk, `i64[p b]`,
      the last one padded by repeats.
    """
    nets = len(jax.tree.leaves(params)[0])
    chunk = min(chunk, n)
    pieces = -(-n // chunk)
    rows = np.resize(np.arange(n), pieces * chunk).reshape(pieces, chunk)
    return jax.random.split(key, (nets, pieces)), rows


@partial(jax.jit, static_argnums=(0, 1, 2))
def _minimise_all(name, settings, apply, keys, params, images, labels):
    """Distances `[s p b]`."""
    minimise = ATTACKS[name](eps=0.0, **dict(settings)).minimise

    def on_net(net):
        keys, params = net
        logits_fn = partial(apply, params)
        on_chunk = lambda piece: minimise(piece[0], logits_fn, *piece[1:])[1]
        return lax.map(on_chunk, (keys, images, labels))

    return lax.map(on_net, (keys, params))


@jax.jit
def _outputs(logits_fn, images):
    return logits_fn(images)


def _attack_on_host(key, make, logits_fn, images, labels, eps):
    """Clean logits `[n k]`, robust `[e n]` and excess `[e]` of one net."""
    logits = np.asarray(_outputs(logits_fn, images))
    check_logits(logits)
    standing = logits.argmax(-1) == labels
    robust, excess = np.zeros((len(eps), len(labels)), bool), np.zeros(len(eps))
    for i in np.argsort(eps, kind="stable"):
        rows = np.flatnonzero(standing)
        if len(rows):
            attack, clean = make(eps[i]), np.asarray(images)[rows]
            attacked = attack(
                jax.random.fold_in(key, i), logits_fn, clean, labels[rows]
            )
            distance = jax.vmap(attack.ball.norm)(attacked - clean).max()
            outside_ball = (distance - eps[i]) / max(1.0, eps[i])
            excess[i] = max(outside_ball, attacked.max() - 1.0, -attacked.min())
            padded = np.asarray(images).copy()
            padded[rows] = attacked
            standing &= np.asarray(_outputs(logits_fn, padded)).argmax(-1) == labels
        robust[i] = standing
    return logits, robust, excess


@partial(jax.jit, static_argnums=(0, 1, 2))
def _attack_all(name, settings, apply, keys, params, images, labels, eps):
    """Logits `[s p b k]`, correct under attack `[s p e b]` and excess `[s p e]`."""

    def at_radius(key, logits_fn, images, labels, radius):
        attack = ATTACKS[name](eps=radius, **dict(settings))
        attacked = attack(key, logits_fn, images, labels)
        distance = jax.vmap(attack.ball.norm)(attacked - images).max()
        outside_ball = (distance - radius) / jnp.maximum(1.0, radius)
        outside_box = jnp.maximum(attacked.max() - 1.0, -attacked.min())
        correct = logits_fn(attacked).argmax(-1) == labels
        return correct, jnp.maximum(outside_ball, outside_box)

    def on_net(net):
        keys, params = net
        logits_fn = partial(apply, params)

        def on_chunk(piece):
            key, images, labels = piece
            run = partial(at_radius, key, logits_fn, images, labels)
            return logits_fn(images), *jax.vmap(run)(eps)

        return lax.map(on_chunk, (keys, images, labels))

    return lax.map(on_net, (keys, params))


def _check_inputs(images, labels, eps, chunk) -> None:
    if images.ndim != 4 or not len(images):
        raise InputError(
            f"robustness images have shape {images.shape}; "
            "it must be (n, h, w, c) with n 1 or more"
        )
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):
        raise InputError(
            f"robustness images are {images.dtype} in [{images.min()}, {images.max()}];"
            " they must be floats in [0, 1], so divide 8-bit pixels by 255"
        )
    if labels.shape != (len(images),):
        raise InputError(
            f"robustness labels have shape {labels.shape}; "
            f"{len(images)} images need ({len(images)},)"
        )
    if eps.ndim != 1 or not len(eps) or not (eps >= 0).all():
        raise InputError(
            f"robustness eps is {eps.tolist()}; it must be a list of radii, each 0+"
        )
    if chunk < 1:
        raise InputError(f"robustness chunk is {chunk}; it must be 1 or more")


def check_logits(logits: Array) -> None:
    """Refuse a model that outputs probabilities, whose gradients vanish by themselves.

    Args:
      logits: `f32[... k]`, outputs on clean images.

    Raises:
      InputError: all rows lie in [0, 1] and sum to 1, or some output is not finite.
    """
    logits = np.asarray(logits)
    if not np.isfinite(logits).all():
        raise InputError(
            "the model under attack gives outputs that are not finite on clean images; "
            "train it again, or check its normalisation"
        )
    sums_to_one = np.allclose(logits.sum(-1), 1.0, atol=1e-4)
    if sums_to_one and logits.min() >= 0 and logits.max() <= 1:
        raise InputError(
            "the model under attack gives probabilities (rows in [0, 1] that sum to 1);"
            " attacks need logits, so drop its softmax"
        )
