"""Everything that a config can name, and what its values may be; no JAX."""

from dd_jax.catalogue.factory_arguments import arguments, takes
from dd_jax.catalogue.lookup import (
    Entry,
    Option,
    Registry,
    entries,
    entry,
    imported,
    label,
    names,
    resolve,
)
from dd_jax.catalogue.registration import register
from dd_jax.catalogue.rules import Rule

__all__ = [
    "Entry",
    "Option",
    "Registry",
    "Rule",
    "arguments",
    "entries",
    "entry",
    "imported",
    "label",
    "names",
    "register",
    "resolve",
    "takes",
]
