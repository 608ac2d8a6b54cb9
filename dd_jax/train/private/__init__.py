"""Differential privacy: noise that is calibrated, attached once and accounted for."""
