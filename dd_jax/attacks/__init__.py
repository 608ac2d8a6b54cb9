"""Adversarial attacks built from parts: constraint sets, optax chains, losses."""

from dd_jax.attacks.attack import Attack
from dd_jax.attacks.catalogue import ATTACKS, describe, with_targets

__all__ = ["ATTACKS", "Attack", "describe", "with_targets"]
