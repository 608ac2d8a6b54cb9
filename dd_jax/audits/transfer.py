"""Transfer: adversarial images made on some networks, classified by others."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from dd_jax.attacks import ATTACKS, describe
from dd_jax.attacks.inputs import check_inputs, check_logits
from dd_jax.audits.robustness.chunks import on_chunks, outputs
from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.curve_metrics import robust_accuracy
from dd_jax.runtime.reuse import reused
from dd_jax.runtime.stacked import row, size
from dd_jax.types import Array, InputError, Key, Params


class Networks(NamedTuple):
    """Several networks of one architecture.

    Attributes:
      apply: `(params, images f32[b h w c]) -> logits f32[b k]`.
      params: each leaf with a leading axis s.
    """

    apply: Callable[[Params, Array], Array]
    params: Params


def attacked_images(
    key: Key,
    name: str,
    networks: Networks,
    images: Array,
    labels: Array,
    eps: Array,
    *,
    chunk: int,
    **settings,
) -> np.ndarray:
    """Adversarial images of each of several networks, at every radius.

    Args:
      key: typed PRNG key.
      name: a key of `ATTACKS`.
      networks: s of them.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in pixel units.
      chunk: batch size at each radius.
      **settings: further (hashable) settings of the attack.

    Returns:
      `f32[s e n h w c]`.

    Raises:
      InputError: unknown attack, or one that runs on the host.
    """
    describe(name, 0.0, **settings)
    if ATTACKS[name](eps=0.0, **settings).on_host:
        raise InputError(
            f"attack {name!r} runs on the host; transfer takes one such as pgd_linf"
        )
    run = _attacker(ATTACKS[name], tuple(sorted(settings.items())), networks.apply)
    radii = jnp.float32(eps)
    made = run(key, networks.params, images, labels, radii, chunk=chunk)
    made = np.moveaxis(np.asarray(made), 2, 1)
    made = made.reshape(len(made), len(radii), -1, *images.shape[1:])
    return made[:, :, : len(images)]


@reused
def _attacker(make: Callable, settings: tuple, apply: Callable):
    """Attacked images `[e b h w c]`."""

    def at_all(key, logits_fn, images, labels, eps):
        at = lambda radius: make(eps=radius, **dict(settings))(
            key, logits_fn, images, labels
        )
        return jax.vmap(at)(eps)

    return on_chunks(at_all, apply)


def curves_from(
    key: Key,
    name: str,
    source: str,
    groups: Mapping[str, Networks],
    images: Array,
    labels: Array,
    eps: Array,
    *,
    chunk: int,
    **settings,
) -> dict[str, Curve]:
    """One group's adversarial images classified by every group's networks.

    Within the group, images are classified by the other networks only, not by the one
    that they were made on.

    Args:
      key: typed PRNG key, of this source only.
      name: a key of `ATTACKS`.
      source: of `groups`, the networks that are attacked.
      groups: name -> networks, such as pipelines or architectures.
      images: `f32[n h w c]` in [0, 1].
      labels: `i32[n]`.
      eps: `f32[e]`, radii in pixel units.
      chunk: batch size at each radius.
      **settings: further (hashable) settings of the attack.

    Returns:
      target -> `Curve` over the pairs of networks, all sources of the first target
      network first; a group of one network has no pair with itself. `robust` is correct
      on the clean image and on the adversarial one.

    Raises:
      InputError: as `attacked_images`, and as `epsilon_curve`.
    """
    images, labels, eps = np.asarray(images), np.asarray(labels), np.asarray(eps)
    check_inputs(images, labels, eps, chunk)
    described = [describe(name, float(radius), **settings) for radius in eps]
    task = key, name, groups[source], images, labels, eps
    made = attacked_images(*task, chunk=chunk, **settings)
    flat = made.reshape(-1, *images.shape[1:])
    curves = {}
    for target, networks in groups.items():
        logits = _logits(networks, images, chunk)
        check_logits(logits, labels)
        clean = logits.argmax(-1) == labels
        classes = _logits(networks, flat, chunk).argmax(-1)
        right = classes.reshape(-1, *made.shape[:3]) == labels
        pairs = np.ones(right.shape[:2], bool)
        if source == target:
            pairs &= ~np.eye(len(pairs), dtype=bool)
        if pairs.any():
            of_target = clean[np.nonzero(pairs)[0]]
            robust = right[pairs] & of_target[:, None]
            inside = np.zeros(robust.shape[:2])
            curves[target] = Curve(described, of_target, robust, inside)
    return curves


def _logits(networks: Networks, images: Array, chunk: int) -> np.ndarray:
    """`f32[t n k]` of each network."""
    of_net = lambda i: Partial(networks.apply, row(networks.params, i))
    each = map(of_net, range(size(networks.params)))
    return np.stack([outputs(logits_fn, images, chunk) for logits_fn in each])


def record(
    curves: Mapping[tuple[str, str], Curve],
    name: str,
    groups: Mapping[str, Networks],
    summarise: Callable[[str, np.ndarray], dict],
) -> list[dict]:
    """The `transfer` part of a Record.

    Args:
      curves: `(source, target) -> Curve`, as `curves_from` gives it by source.
      name: of the attack.
      groups: the networks.
      summarise: `(target, f64[t]) -> {mean, ci, n}`, an estimate over target networks.

    Returns:
      Rows `{source, target, attack, eps, norm, ..., accuracy}` with the settings of the
      attack.
    """
    nets = {group: size(networks.params) for group, networks in groups.items()}
    return [
        {
            "source": source,
            "target": target,
            "attack": name,
            **row,
            "accuracy": summarise(target, each.reshape(nets[target], -1).mean(1)),
        }
        for (source, target), curve in curves.items()
        for row, each in zip(curve.settings, robust_accuracy(curve.robust).T)
    ]
