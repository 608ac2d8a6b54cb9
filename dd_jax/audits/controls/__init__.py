"""Controls: what simpler choices of images and labels reach at the same size."""
