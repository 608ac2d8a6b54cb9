"""Shared test set-up: eight virtual CPU devices and a warm compilation cache."""

import os

os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
