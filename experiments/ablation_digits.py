"""What ratio, initialisation and class count do to distribution matching on digits.

  python launch.py --config=experiments/ablation_digits.py

36 cells: IPC 1, 5, 10, 20 x initial images noise, real, kmeans x the first 2, 5, 10
classes, each with the privacy, robustness and fairness audits. Budget: 45 minutes on
two cores. One cell: add `--config.distill.ipc=10 --config.distill.init=real
--config.data.num_classes=10`.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.sweep import Point, product


def get_config() -> ConfigDict:
    """The quick start, whose values the sweep replaces."""
    return config.default()


def sweep() -> list[Point]:
    """Axes that change shapes first: cells that differ in `init` share programs."""
    return product(
        {
            "data.num_classes": [2, 5, 10],
            "distill.ipc": [1, 5, 10, 20],
            "distill.init": ["noise", "real", "kmeans"],
        }
    )
