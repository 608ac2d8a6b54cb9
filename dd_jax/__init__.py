"""dd_jax: distil a labelled image set, train on it, and audit what that costs."""

__version__ = "0.1.0"
