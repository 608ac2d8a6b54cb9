"""Masking checks: do the numbers behave as those of a working attack?"""

from collections.abc import Mapping

import numpy as np

from dd_jax.audits.robustness.comparisons import (
    added,
    equal_at_zero,
    excess,
    gaps,
    kind,
    none_above,
    rises,
    strongest,
    taken,
)
from dd_jax.audits.robustness.curve import Curve
from dd_jax.audits.robustness.local_behaviour import Behaviour
from dd_jax.audits.robustness.reruns_of_attacks import EVERYTHING, WHOLE_BOX

TOLERANCE = 1e-6  # how far outside ball or box rounding may carry an image
SLACK = 0.01  # accuracy by which random starts may blur a comparison
CONVERGED = 0.02  # accuracy that twice the steps may still take away
TARGETED = 0.05  # accuracy that nine targets of a stronger attack may take away
SPREAD = 1e-4  # of outputs, relative: more than rounding
UNDEFENDED = 0.3  # Linf radius that no network without a defence withstands
OF_ANY_NET = (  # whatever it is right on
    *("outputs_repeat", "gradients_present", "in_ball_and_box"),
    "undefended_net_falls",
)
GRADIENT_FREE = ("square", "noise")
WITHOUT_GRADIENTS_TOO = (*GRADIENT_FREE, "autoattack")  # Square is one of its parts
NOT_ASCENDING = (*GRADIENT_FREE, "deepfool", "fab_t")  # may fairly lose to a step


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
    """Do the numbers behave as those of a working attack on an honest model?

    Source: Carlini et al. 2019, "On Evaluating Adversarial Robustness" (checklist);
    `outputs_repeat` and `gradients_present`: the flags of AutoAttack.

    Args:
      curves: attack name -> `Curve`; a name may go on, as `square:l2` does.
      plain: attack name -> its curve without dropping, for the two below; default
        `curves`.
      doubled: attack name -> its curve with twice the steps.
      restarted: attack name -> its curve with more random starts.
      noise: attack name -> the curve of random noise on the images that it left.
      gradient_free: attack name -> the curve of Square on them.
      targeted: attack name -> the curve of a targeted attack on them.
      wide: attack name -> its curve at large radii.
      undefended: attack name -> its curve on a network without a defence.
      transferred: attack name -> its curve with images made on a sibling model.
      distances: attack name -> `f64[s n]` of `minimal_distances`.
      behaviour: of the nets on clean images.

    Returns:
      True, False, or None where the curves at hand cannot tell; accuracies are means
      over nets and images, and those of two attacks are compared at the same norm and
      radius, up to 0.01:
      - `outputs_repeat`: five passes of the same images give the same logits, to 1e-4
        of the largest; attacks on a model that draws at random need averaging;
      - `gradients_present`: at most 1 % of the images have a gradient that is zero or
        not finite;
      - `eps_zero_equals_clean`: at eps = 0 the same images are right as without attack;
      - `monotone_in_eps`: no iterative attack is weaker at a larger radius (nothing to
        tell where fallen images were dropped);
      - `iterative_beats_single_step`: no iterative ascent is weaker than a single step;
      - `in_ball_and_box`: every attacked image is in its ball and in [0, 1] to 1e-6;
      - `large_eps_reaches_chance`: where the Linf ball holds a plain grey image (radius
        0.5 on), the strongest attack leaves at most chance, 1 / k;
      - `success_reaches_all`: where the Linf ball holds every image (radius 1), the
        strongest attack leaves nothing;
      - `gradient_free_not_stronger`: no attack without gradients is stronger than the
        best one with them, and Square takes nothing from what an ascent left;
      - `random_noise_not_stronger`: the same of noise in the ball;
      - `targeted_not_stronger`: a targeted attack takes at most 0.05 from what an
        untargeted ascent left;
      - `steps_converged`: twice the steps take away at most 0.02;
      - `restarts_converged`: more random starts take away at most 0.02;
      - `undefended_net_falls`: at Linf 0.3 on, an ascent leaves at most chance to a
        network without a defence;
      - `transfer_not_stronger`: images of a sibling model are no stronger than those
        made on the model itself;
      - `unbounded_always_succeeds`: attacks without a radius break every image.
      What attacks take away cannot be told of nets that are right on no image.
    """
    alone = {**curves, **(plain or {})}
    white = strongest(curves, leave_out=WITHOUT_GRADIENTS_TOO)
    black = [c for name, c in curves.items() if kind(name) in GRADIENT_FREE]
    noises = [c for name, c in curves.items() if kind(name) == "noise"]
    counts = {curve.num_classes for curve in curves.values()} - {None}
    chance = 1 / max(counts) if counts else None
    left = lambda radius, *found: [
        value
        for each in found
        for (norm, eps), value in strongest(each or {}, GRADIENT_FREE).items()
        if norm == "linf" and eps >= radius
    ]
    above_chance = lambda values: [v - chance for v in values if chance is not None]
    found = {
        "outputs_repeat": behaviour and bool(behaviour.spread.max() <= SPREAD),
        "gradients_present": behaviour
        and bool(behaviour.without_gradient.mean() <= SLACK),
        "eps_zero_equals_clean": all(same) if (same := equal_at_zero(curves)) else None,
        "monotone_in_eps": none_above(rises(curves), SLACK),
        "iterative_beats_single_step": none_above(
            gaps(curves, leave_out=NOT_ASCENDING), SLACK
        ),
        "in_ball_and_box": all(c.excess.max() <= TOLERANCE for c in curves.values()),
        "large_eps_reaches_chance": none_above(
            above_chance(left(WHOLE_BOX, curves, wide)), SLACK
        ),
        "success_reaches_all": none_above(left(EVERYTHING, curves, wide), SLACK),
        "gradient_free_not_stronger": none_above(
            excess(white, *black) + added(gradient_free), SLACK
        ),
        "random_noise_not_stronger": none_above(
            excess(white, *noises) + added(noise), SLACK
        ),
        "targeted_not_stronger": none_above(added(targeted), TARGETED),
        "steps_converged": none_above(taken(alone, doubled or {}), CONVERGED),
        "restarts_converged": none_above(taken(alone, restarted or {}), CONVERGED),
        "undefended_net_falls": none_above(
            above_chance(left(UNDEFENDED, undefended)), SLACK
        ),
        "transfer_not_stronger": none_above(
            excess(white, *(transferred or {}).values()), SLACK
        ),
        "unbounded_always_succeeds": (
            all(np.isfinite(found).all() for found in distances.values())
            if distances
            else None
        ),
    }
    if any(curve.clean.any() for curve in curves.values()):
        return found
    return {name: found[name] if name in OF_ANY_NET else None for name in found}
