"""What ratio, initial images and class count do to distribution matching on digits.

  python launch.py --config=experiments/ablation_digits.py

36 cells: IPC 1, 5, 10, 20 x initial images noise, real, kmeans x the first 2, 5, 10
classes, each with the privacy, robustness and fairness audits. About 25 minutes on two
CPU cores. One cell: add `--config.distill.ipc=10 --config.distill.init=real
--config.data.num_classes=10`. Expect accuracy to rise with IPC towards that of the full
data, real and kmeans above noise, and membership little above chance (the strongest
attack's AUC at 0.51); the Records, of a time before RMIA was a default, are in
experiments/results/.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product


def get_config() -> ConfigDict:
    """The quick start with shorter loops, whose values the sweep replaces."""
    return config.override(
        config.default(),
        {
            "distill.steps": 150,
            "train.epochs": 200,
            "train.nets": 4,
            "audits.privacy.epochs": 60,
            "audits.robustness.images": 150,
            "audits.robustness.steps": 10,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Axes that change shapes first: cells that differ in `init` share programs."""
    return product(
        {
            "data.num_classes": [2, 5, 10],
            "distill.ipc": [1, 5, 10, 20],
            "distill.init": ["noise", "real", "kmeans"],
        }
    )
