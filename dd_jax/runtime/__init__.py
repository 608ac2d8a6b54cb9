"""What long computations share: loop, checkpoints, devices, keys, costs."""
