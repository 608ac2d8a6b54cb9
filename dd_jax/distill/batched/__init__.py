"""Batched shadow distillation: shadows share networks and real batches."""

from collections.abc import Callable

from dd_jax.catalogue import entry, imported


def batched_form(name: str) -> Callable | None:
    """The form of a method whose shadows share networks and real batches, if any."""
    return imported(entry("method", name).traits.get("batched"))
