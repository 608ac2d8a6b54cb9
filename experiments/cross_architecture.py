"""One synthetic set on every architecture.

  python launch.py --config=experiments/cross_architecture.py \
      --config.distill.load=runs_out/quickstart/runs/RUN_ID/synthetic.npz

Trains networks of each registered architecture on the set, on random subsets of its
size and on the full data, and puts all in one table: `report.html` of the work
directory, or `python -m dd_jax.report runs_out/cross_architecture`. With another data
set, add its `--config.data.source` and the augmentation of its recipe. VGG-11 and the
ResNets take minutes each on two CPU cores; choose among them by
`--config.model.name=alexnet`.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.rules import MODELS
from dd_jax.sweep import Point, product


def get_config() -> ConfigDict:
    """Accuracy and fairness alone; the set comes by `distill.load`."""
    return config.override(
        config.default(),
        {
            "train.nets": 3,
            "audits.privacy.enabled": False,
            "audits.robustness.enabled": False,
            "audits.memorisation.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Every architecture."""
    return product({"model.name": list(MODELS)})
