"""Robustness audit: accuracy under attack as a curve over the radius epsilon."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dd_jax.attacks import ATTACKS, describe
from dd_jax.types import Array, InputError, Key, Params

TOLERANCE = 1e-6  # how far outside ball or box rounding may carry an image
SLACK = 0.01  # accuracy by which random starts may blur a comparison


class Curve(NamedTuple):
    """One attack on s nets, e radii and n images.

    Attributes:
      settings: `describe(...)` of the attack at each radius, e dicts.
      clean: `bool[s n]`, correct on the clean image.
      robust: `bool[s e n]`, correct on the clean image and on the attacked one: the
        clean image lies in every ball, so an example that falls there is not robust.
      excess: `f64[s e]`, the furthest that any attacked image left its ball (over
        `max(1, eps)`) or the box; at most 0 but for rounding.
    """

    settings: list[dict]
    clean: np.ndarray
    robust: np.ndarray
    excess: np.ndarray


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
    radius and not by the random start.

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
    n = len(images)
    chunk = min(chunk, n)
    pieces = -(-n // chunk)
    padded = np.resize(np.arange(n), pieces * chunk).reshape(pieces, chunk)
    logits, correct, excess = _attack_all(
        name,
        tuple(sorted(settings.items())),
        apply,
        jax.random.split(key, (nets, pieces)),
        params,
        jnp.asarray(images[padded], jnp.float32),
        jnp.asarray(labels[padded], jnp.int32),
        jnp.asarray(eps, jnp.float32),
    )
    logits = np.asarray(logits).reshape(nets, pieces * chunk, -1)[:, :n]
    check_logits(logits)
    correct = np.moveaxis(np.asarray(correct), 1, 2)
    clean = logits.argmax(-1) == labels
    robust = correct.reshape(nets, len(eps), -1)[..., :n] & clean[:, None]
    return Curve(described, clean, robust, np.asarray(excess, np.float64).max(1))


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


def robust_accuracy(correct: np.ndarray) -> np.ndarray:
    """Share of examples that are right: `mean` over the last axis.

    Args:
      correct: `bool[... n]`.

    Returns:
      `f64[...]`, fractions.
    """
    return np.mean(correct, axis=-1, dtype=np.float64)


def record(
    curves: Mapping[str, Curve], summarise: Callable[[np.ndarray], dict]
) -> dict:
    """The robustness part of a Record for one pipeline.

    Args:
      curves: attack name -> `Curve`, all on the same nets and images.
      summarise: `f64[s] -> {mean, ci, n}`, an estimate over nets.

    Returns:
      `{clean, attacks{NAME: [{eps, norm, ..., accuracy}]}, checks}`: fractions, one row
      a radius with the attack's settings; `checks` as `masking_checks` gives it.
    """
    clean = next(iter(curves.values())).clean
    return {
        "clean": summarise(robust_accuracy(clean)),
        "attacks": {
            name: [
                row | {"accuracy": summarise(accuracy)}
                for row, accuracy in zip(
                    curve.settings, robust_accuracy(curve.robust).T, strict=True
                )
            ]
            for name, curve in curves.items()
        },
        "checks": masking_checks(curves),
    }


def masking_checks(curves: Mapping[str, Curve]) -> dict[str, bool | None]:
    """Do the numbers behave as those of a working attack on an honest model?

    Source: Carlini et al. 2019, "On Evaluating Adversarial Robustness" (checklist).

    Args:
      curves: attack name -> `Curve`.

    Returns:
      True, False, or None where the curves at hand cannot tell:
      - `eps_zero_equals_clean`: at eps = 0 the same images are right as without attack;
      - `monotone_in_eps`: no iterative attack is weaker at a larger radius (mean
        accuracy over nets, up to 0.01);
      - `iterative_beats_single_step`: no iterative attack is weaker than a single-step
        one of the same norm and radius (likewise);
      - `in_ball_and_box`: every attacked image is in its ball and in [0, 1] to 1e-6.
    """
    at_zero, rises, gaps = [], [], []
    for curve in curves.values():
        at_zero += [
            np.array_equal(curve.robust[:, i], curve.clean)
            for i, row in enumerate(curve.settings)
            if row["eps"] == 0
        ]
        if curve.settings[0]["steps"] > 1:
            accuracy = _by_radius(curve)
            ordered = [accuracy[radius] for radius in sorted(accuracy)]
            rises += [b - a for a, b in combinations(ordered, 2)]
            gaps += [
                accuracy[radius] - other
                for single in curves.values()
                if single.settings[0]["steps"] == 1
                for radius, other in _by_radius(single).items()
                if radius in accuracy
            ]
    return {
        "eps_zero_equals_clean": all(at_zero) if at_zero else None,
        "monotone_in_eps": max(rises) <= SLACK if rises else None,
        "iterative_beats_single_step": max(gaps) <= SLACK if gaps else None,
        "in_ball_and_box": all(c.excess.max() <= TOLERANCE for c in curves.values()),
    }


def _by_radius(curve: Curve) -> dict[tuple[str, float], float]:
    """Accuracy over nets and images under `(norm, eps)`."""
    return {
        (row["norm"], row["eps"]): float(curve.robust[:, i].mean())
        for i, row in enumerate(curve.settings)
    }
