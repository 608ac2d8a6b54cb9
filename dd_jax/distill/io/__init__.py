"""Synthetic sets as files: our own and those of others."""
