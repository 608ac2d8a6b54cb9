"""Shared by all long computations: loop, checkpoints, devices, keys, costs."""
