"""Adversarial attacks built from parts: constraint sets, optax chains, losses."""

from dd_jax.attacks.attack import Attack
from dd_jax.attacks.catalogue import ATTACKS, describe, with_targets
from dd_jax.attacks.chain import ascend
from dd_jax.attacks.constraints import Constraint, ball_of, l1, l2, linf
from dd_jax.attacks.fixed_step import projected_ascent
from dd_jax.attacks.restarts import Restarts, attack_by_distance, attack_in_ball
from dd_jax.attacks.settings import Settings

__all__ = [
    "ATTACKS",
    "Attack",
    "Constraint",
    "Restarts",
    "Settings",
    "ascend",
    "attack_by_distance",
    "attack_in_ball",
    "ball_of",
    "describe",
    "l1",
    "l2",
    "linf",
    "projected_ascent",
    "with_targets",
]
