"""The epsilon curve: attacks on several networks at several radii."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from dd_jax.attacks import ATTACKS, describe, with_targets
from dd_jax.attacks.inputs import check_inputs, check_logits
from dd_jax.attacks.restarts import select
from dd_jax.audits.robustness.chunks import on_chunks
from dd_jax.audits.robustness.sequential_radii import attack_sequential_radii
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.stacked import size
from dd_jax.types import Array, InputError, Key, Params


class Curve(NamedTuple):
    """One attack on s networks, e radii and n images.

    Attributes:
      settings: `describe(...)` of the attack at each radius, e dicts.
      clean: `bool[s n]`, correct on the clean image.
      robust: `bool[s e n]`, correct on the clean image and on the attacked one: the
        clean image lies in every ball, so an example misclassified there is not robust.
      excess: `f64[s e]`, largest distance of any attacked image beyond its ball (over
        `max(1, eps)`) or beyond [0, 1]; at most 0 but for rounding.
      num_classes: number of classes of the networks.
      distances: `f64[s n]` of a distance-minimising attack, as `minimal_distances`.
      components: component -> `bool[s e n]` of an ensemble, still right after it; in
        the order in which they ran.
      kind: of the attack, see `Attack`.
    """

    settings: list[dict]
    clean: np.ndarray
    robust: np.ndarray
    excess: np.ndarray
    num_classes: int | None = None
    distances: np.ndarray | None = None
    components: Mapping[str, np.ndarray] | None = None
    kind: str = "ascent"


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
    drop: bool = False,
    among: np.ndarray | None = None,
    **settings,
) -> Curve:
    """Attack every image at every radius, on several networks, by one compiled program.

    The radii are traced and mapped (a batch of the model is `chunk * e` images);
    networks and chunks of images follow one another and are spread over accelerators.
    Each (network, chunk) has its own key, which all radii share, so that neighbouring
    points of the curve differ by the radius and not by the random start. A
    distance-minimising attack does not depend on the radius and runs once for all.

    With `drop`, and always for an attack on the host (AutoAttack), radii are attacked
    in ascending order, each on the images that are still right: an image broken in a
    ball is broken in all larger ones. This is faster on CPU; the curve is monotone by
    construction, and its settings say `dropped`. The program, or each of AutoAttack's
    components, compiles once for all networks and radii.

    Args:
      key: typed PRNG key.
      name: a key of `ATTACKS`.
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`; one function object
        for all calls keeps the program compiled.
      params: parameters of the networks, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in pixel units, at least 0; include 0 to have it checked.
      chunk: batch size at each radius; the last chunk is padded.
      among: `bool[s n]`, the images to attack, as with `drop`; the others count as
        wrong.
      drop: attack only images that are right at all smaller radii; without effect on a
        distance-minimising attack.
      **settings: further (hashable) settings of the attack.

    Returns:
      A `Curve`.

    Raises:
      InputError: unknown attack, pixels outside [0, 1], counts that differ, a negative
        radius, an empty axis, a model whose outputs are probabilities or not finite, or
        the version of AutoAttack for randomised models.
    """
    images, labels, eps = np.asarray(images), np.asarray(labels), np.asarray(eps)
    check_inputs(images, labels, eps, chunk)
    describe(name, 0.0, **settings)
    if settings.get("version") == "rand":
        raise InputError(
            "autoattack version='rand' is for randomised models, called as (key, "
            "images); those of this audit are not: take 'standard' or 'plus'"
        )
    chex.assert_equal_shape_prefix(jax.tree.leaves(params), 1)
    nets = size(params)
    if among is not None:
        chex.assert_shape(among, (nets, len(images)))
    attack = ATTACKS[name](eps=0.0, **settings)
    settings = ({"batch": chunk} if attack.on_host else {}) | settings
    described = [describe(name, float(e), **settings) for e in eps]
    dropping = drop and attack.minimise is None
    inputs = key, name, apply, params, images, labels, eps, chunk, settings
    if attack.on_host or dropping or among is not None:
        return _radius_by_radius(described, attack.kind, among, *inputs)
    return _all_radii(described, attack.kind, *inputs)


def _radius_by_radius(
    described, kind, among, key, name, apply, params, images, labels, *rest
) -> Curve:
    """Each radius on the images that are right at the smaller ones."""
    inputs = key, name, apply, params, images, labels, *rest
    logits, robust, excess, components = attack_sequential_radii(*inputs, among)
    clean, classes = logits.argmax(-1) == labels, logits.shape[-1]
    described = [with_targets(row, classes) | {"dropped": True} for row in described]
    clean = clean if among is None else clean & among
    return Curve(
        described, clean, robust, excess, classes, components=components, kind=kind
    )


def _all_radii(
    described, kind, key, name, apply, params, images, labels, eps, chunk, settings
) -> Curve:
    """All radii at once, on every image."""
    nets = size(params)
    run = _attacker(ATTACKS[name], tuple(sorted(settings.items())), apply)
    found = run(key, params, images, labels, jnp.float32(eps), chunk=chunk)
    logits, correct, excess, *distance = map(np.asarray, found)
    of_nets = lambda a: a.reshape(nets, -1, *a.shape[3:])[:, : len(images)]
    logits = of_nets(logits)
    check_logits(logits, labels)
    clean, classes = logits.argmax(-1) == labels, logits.shape[-1]
    correct = np.moveaxis(correct, 2, 1).reshape(nets, len(eps), -1)
    robust = correct[..., : len(images)] & clean[:, None]
    excess = excess.astype(np.float64).max(1)
    distances = of_nets(distance[0]).astype(np.float64) if distance else None
    described = [with_targets(row, classes) for row in described]
    return Curve(described, clean, robust, excess, classes, distances, kind=kind)


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
    """Distance to the closest adversarial example, on several networks.

    Args:
      key: typed PRNG key.
      name: a distance-minimising attack, such as `cw_l2`, `deepfool`, `fab_t`.
      apply: as in `epsilon_curve`.
      params: parameters of the networks, each leaf with a leading axis s.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      chunk: batch size.
      **settings: further (hashable) settings of the attack.

    Returns:
      `f64[s n]`, in the attack's norm: 0 where the clean image is misclassified,
      infinity where no adversarial example was found.

    Raises:
      InputError: as `epsilon_curve`, and an attack that does not minimise a distance.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    check_inputs(images, labels, np.zeros(1), chunk)
    describe(name, 0.0, **settings)
    if ATTACKS[name](eps=0.0, **settings).minimise is None:
        raise InputError(
            f"attack {name!r} minimises no distance; take cw_l2, deepfool or fab_t"
        )
    run = _minimiser(ATTACKS[name], tuple(sorted(settings.items())), apply)
    found = np.asarray(run(key, params, images, labels, chunk=chunk), np.float64)
    return found.reshape(len(found), -1)[:, : len(images)]


@reused
def _minimiser(make: Callable, settings: tuple, apply: Callable):
    """The distance to each image, `f32[b]`."""
    minimise = make(eps=0.0, **dict(settings)).minimise
    return on_chunks(lambda *task: minimise(*task)[1], apply)


@reused
def _attacker(make: Callable, settings: tuple, apply: Callable):
    """Logits `[b k]`, correct under attack `[e b]`, excess `[e]`, distances `[b]`.

    Distances are those of a distance-minimising attack, which runs once: at each radius
    its example counts where it lies in the ball.
    """
    minimise = make(eps=0.0, **dict(settings)).minimise

    def at_radius(key, logits_fn, images, labels, closest, radius):
        attack = make(eps=radius, **dict(settings))
        if closest:
            attacked = select(closest[1] <= radius, closest[0], images)
        else:
            attacked = attack(key, logits_fn, images, labels)
        distance = jax.vmap(attack.ball.norm)(attacked - images).max()
        outside_ball = (distance - radius) / jnp.maximum(1.0, radius)
        outside_box = jnp.maximum(attacked.max() - 1.0, -attacked.min())
        correct = logits_fn(attacked).argmax(-1) == labels
        return correct, jnp.maximum(outside_ball, outside_box)

    def at_all(key, logits_fn, images, labels, eps):
        closest = minimise(key, logits_fn, images, labels) if minimise else ()
        at = partial(at_radius, key, logits_fn, images, labels, closest)
        return logits_fn(images), *jax.vmap(at)(eps), *closest[1:]

    return on_chunks(at_all, apply)
