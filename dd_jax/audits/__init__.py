"""What a training pipeline costs: its robustness, its fairness, its privacy."""
