"""Everything that a config can name, and what its values may be; no JAX."""
