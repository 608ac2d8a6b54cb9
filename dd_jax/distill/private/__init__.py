"""Distillation from statistics that were released with noise."""

from collections.abc import Callable

from dd_jax.catalogue import entries, entry, imported
from dd_jax.distill.base import Releases
from dd_jax.train.private.accounting import Gaussians


def mechanisms(releases: Releases) -> list[Gaussians]:
    """What releases cost, for `accounting.epsilon_of`."""
    return [Gaussians(releases.count, releases.noise_multiplier, releases.sampling)]


def private_form(name: str) -> Callable | None:
    """The form of a method that learns from releases of private rows, if any."""
    return imported(entry("method", name).traits.get("private"))


def private_methods() -> list[str]:
    """The methods that have such a form.

    >>> private_methods()
    ['dc', 'dm']
    """
    return [found.name for found in entries("method") if "private" in found.traits]


def makes_releases_in_steps(name: str) -> bool:
    """Whether the private form of a method makes a release in each of its steps."""
    return entry("method", name).traits.get("private_steps", False)
