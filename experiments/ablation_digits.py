"""What ratio, initial images and class count do to distribution matching on digits.

  python launch.py --config=experiments/ablation_digits.py

36 cells: 1, 5, 10, 20 images a class (IPC) x initial images noise, real, kmeans x the
first 2, 5, 10 classes, each with the audits of membership, robustness and fairness.
One cell: add `--config.distill.ipc=10 --config.distill.init=real
--config.data.num_classes=10`.

Time: 25 minutes on two CPU cores.
Expect: from real images, ten classes, 87.5, 92.0, 94.8 and 93.7 % at 1, 5, 10 and 20
images a class; from k-means as much or more; from noise less and less, 51.9 % at 20;
with ten classes an AUC of the strongest attack of at most 0.513.
Records: experiments/results/ablation_digits.jsonl, older than the score RMIA.
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
