"""Gradient-masking checks: are the numbers those of an attack that works?"""

from collections.abc import Mapping

import numpy as np

from dd_jax.audits.robustness.comparisons import (
    GRADIENT_FREE,
    accuracy_drop,
    at_most,
    clean_at_zero,
    difference,
    extra_drop,
    iterative_gap,
    lowest_accuracy,
    non_monotone,
)
from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.local_behaviour import Behaviour
from dd_jax.audits.robustness.masking_evidence import GREY_RADIUS, WHOLE_RADIUS

TOLERANCE = 1e-6  # rounding of distances and pixels
SLACK = 0.01  # of accuracy, for random starts
CONVERGED = 0.02  # drop in accuracy under twice the steps or more restarts
TARGETED = 0.05  # drop in accuracy under nine targets of a stronger attack
SPREAD = 1e-4  # of outputs, relative: more than rounding
UNDEFENDED = 0.3  # Linf radius at which no undefended network is robust
OF_ANY_NETWORK = (  # also of one that is right on no image
    *("outputs_repeat", "gradients_present", "in_ball_and_box"),
    "undefended_net_falls",
)


def masking_checks(
    curves: Mapping[str, Curve],
    *,
    plain: Mapping[str, Curve] | None = None,
    doubled: Mapping[str, Curve] | None = None,
    restarted: Mapping[str, Curve] | None = None,
    noise: Mapping[str, Curve] | None = None,
    gradient_free: Mapping[str, Curve] | None = None,
    targeted: Mapping[str, Curve] | None = None,
    wide: Mapping[str, Curve] | None = None,
    undefended: Mapping[str, Curve] | None = None,
    transferred: Mapping[str, Curve] | None = None,
    distances: Mapping[str, np.ndarray] | None = None,
    behaviour: Behaviour | None = None,
) -> dict[str, bool | None]:
    """Do the numbers behave as those of a working attack on a model without masking?

    Source: Carlini et al. 2019, "On Evaluating Adversarial Robustness" (checklist);
    `outputs_repeat` and `gradients_present`: the flags of AutoAttack.

    Args:
      curves: attack name -> `Curve`.
      plain: attack name -> its curve without dropping of broken images, to compare
        `doubled` and `restarted` with; default `curves`.
      doubled: attack name -> its curve with twice the steps.
      restarted: attack name -> its curve with more random starts.
      noise: attack name -> the curve of random noise on the images that it leaves
        right.
      gradient_free: attack name -> the curve of Square on them.
      targeted: attack name -> the curve of a targeted attack on them.
      wide: attack name -> its curve at large radii.
      undefended: attack name -> its curve on an undefended network.
      transferred: attack name -> its curve with images made on another network.
      distances: attack name -> `f64[s n]` of `minimal_distances`.
      behaviour: of the networks on clean images.

    Returns:
      True, False, or None where the curves cannot tell; accuracies are means over
      networks and images, and two attacks are compared at the same norm and radius, up
      to 0.01:
      - `outputs_repeat`: five passes of the same images give the same logits, to 1e-4
        of the largest; attacks on a randomised model need averaging;
      - `gradients_present`: at most 1 % of the images have a gradient that is zero or
        not finite;
      - `eps_zero_equals_clean`: at eps = 0 the same images are right as without attack;
      - `monotone_in_eps`: no iterative attack is weaker at a larger radius (None where
        broken images are dropped);
      - `iterative_beats_single_step`: no iterative ascent is weaker than a single step;
      - `in_ball_and_box`: every attacked image is in its ball and in [0, 1] to 1e-6;
      - `large_eps_reaches_chance`: where the Linf ball holds a plain grey image (radius
        0.5 on), accuracy under the strongest attack is at most chance, 1 / k;
      - `success_reaches_all`: where the Linf ball holds every image (radius 1), it
        leaves nothing right;
      - `gradient_free_not_stronger`: no gradient-free attack is stronger than the best
        one with gradients, and Square breaks nothing that an ascent leaves right;
      - `random_noise_not_stronger`: the same of noise in the ball;
      - `targeted_not_stronger`: a targeted attack breaks at most 0.05 of what an
        untargeted ascent leaves right;
      - `steps_converged`: twice the steps lower accuracy by at most 0.02;
      - `restarts_converged`: more random starts lower it by at most 0.02;
      - `undefended_net_falls`: at Linf 0.3 on, an ascent leaves an undefended network
        at most chance;
      - `transfer_not_stronger`: images made on another network are no stronger than
        those made on the network itself;
      - `unbounded_always_succeeds`: attacks without a radius break every image.
      Checks of drops in accuracy are None for networks that are right on no image.
    """
    single_radius = {**curves, **(plain or {})}
    white_box = lowest_accuracy(curves, without=(*GRADIENT_FREE, "ensemble"))
    of_kinds = lambda *kinds: [c for c in curves.values() if c.kind in kinds]
    counts = {curve.num_classes for curve in curves.values()} - {None}
    chance = 1 / max(counts) if counts else None
    left_from = lambda radius, *evidence: [
        value
        for each in evidence
        for (norm, eps), value in lowest_accuracy(each or {}, GRADIENT_FREE).items()
        if norm == "linf" and eps >= radius
    ]
    above_chance = lambda values: [v - chance for v in values if chance is not None]
    found = {
        "outputs_repeat": behaviour and bool(behaviour.spread.max() <= SPREAD),
        "gradients_present": behaviour
        and bool(behaviour.without_gradient.mean() <= SLACK),
        "eps_zero_equals_clean": all(same) if (same := clean_at_zero(curves)) else None,
        "monotone_in_eps": at_most(non_monotone(curves), SLACK),
        "iterative_beats_single_step": at_most(iterative_gap(curves), SLACK),
        "in_ball_and_box": all(c.excess.max() <= TOLERANCE for c in curves.values()),
        "large_eps_reaches_chance": at_most(
            above_chance(left_from(GREY_RADIUS, curves, wide)), SLACK
        ),
        "success_reaches_all": at_most(left_from(WHOLE_RADIUS, curves, wide), SLACK),
        "gradient_free_not_stronger": at_most(
            difference(white_box, *of_kinds(*GRADIENT_FREE))
            + extra_drop(gradient_free),
            SLACK,
        ),
        "random_noise_not_stronger": at_most(
            difference(white_box, *of_kinds("sampling")) + extra_drop(noise), SLACK
        ),
        "targeted_not_stronger": at_most(extra_drop(targeted), TARGETED),
        "steps_converged": at_most(
            accuracy_drop(single_radius, doubled or {}), CONVERGED
        ),
        "restarts_converged": at_most(
            accuracy_drop(single_radius, restarted or {}), CONVERGED
        ),
        "undefended_net_falls": at_most(
            above_chance(left_from(UNDEFENDED, undefended)), SLACK
        ),
        "transfer_not_stronger": at_most(
            difference(white_box, *(transferred or {}).values()), SLACK
        ),
        "unbounded_always_succeeds": (
            all(np.isfinite(found).all() for found in distances.values())
            if distances
            else None
        ),
    }
    if any(curve.clean.any() for curve in curves.values()):
        return found
    return {name: found[name] if name in OF_ANY_NETWORK else None for name in found}
