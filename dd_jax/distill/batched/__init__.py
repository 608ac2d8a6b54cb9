"""Shadow distillations that share networks and real batches."""
