"""What touches the operating system: files, locks, memory, terminal; no JAX."""
