"""Robustness: accuracy under attack as a curve over the radius epsilon."""

from dd_jax.attacks.inputs import check_logits
from dd_jax.audits.robustness.chunks import attacked_at_once
from dd_jax.audits.robustness.curve import Curve, epsilon_curve, minimal_distances
from dd_jax.audits.robustness.curve_metrics import (
    area_under_curve,
    class_robust_accuracy,
    median_perturbation,
    robust_accuracy,
    smallest_adversarial_radius,
    worst_case,
)
from dd_jax.audits.robustness.local_behaviour import Behaviour, behaviour
from dd_jax.audits.robustness.masking import UNDEFENDED, masking_checks
from dd_jax.audits.robustness.masking_evidence import ascents, reruns
from dd_jax.audits.robustness.ratios import robustness_ratios
from dd_jax.audits.robustness.summary import record

__all__ = [
    "UNDEFENDED",
    "Behaviour",
    "Curve",
    "area_under_curve",
    "ascents",
    "attacked_at_once",
    "behaviour",
    "check_logits",
    "class_robust_accuracy",
    "epsilon_curve",
    "masking_checks",
    "median_perturbation",
    "minimal_distances",
    "record",
    "reruns",
    "robust_accuracy",
    "robustness_ratios",
    "smallest_adversarial_radius",
    "worst_case",
]
