"""Adversarial attacks built from parts: constraint sets, optax chains, losses."""

from dd_jax.attacks.catalogue import ATTACKS, Attack, describe

__all__ = ["ATTACKS", "Attack", "describe"]
