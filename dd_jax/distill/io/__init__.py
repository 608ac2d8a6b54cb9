"""Synthetic sets as files: of this package and of others."""
