"""Distillation from statistics that were released with noise."""
