"""Executors: how the cells of a sweep are planned, run and watched; no JAX."""
