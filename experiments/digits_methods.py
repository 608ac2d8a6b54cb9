"""Every method of the study on digits, at 1, 5 and 10 images a class.

  python launch.py --config=experiments/digits_methods.py

18 cells, each beside random subsets of its size and the full data, without audits of
privacy and robustness; 11 minutes on two CPU cores. Step sizes and the experts' recipe
were chosen on a fifth of the training rows held out (data.validation=0.2), at one image
a class. Expect at 1, 5 and 10 images a class 90, 93 and 96 % (DM), 88, 93 and 93 %
(DSA), 87, 93 and 94 % (DC), 83, 93 and 93 % (IDC-I), 82, 86 and 90 % (MTT) and 61 to
64 % (IDC, whose tiles of 4x4 pixels lose the digits), and 70, 91 and 94 % on random
subsets. The Records are in experiments/results/digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.sweep import Point

RECIPES = {
    "dc": {"distill.lr": 0.01, "distill.network.epochs": 10},
    "dsa": {"distill.lr": 0.01, "distill.network.epochs": 10},
    "dm": {"distill.lr": 1.0},
    "mtt": {
        "distill.lr": 10.0,
        "distill.mtt.experts": 4,
        "distill.mtt.max_start": 20,
        "distill.mtt.expert_epochs": 20,
    },
    "idc_i": {"distill.lr": 1e-4, "train.cutmix": 0.5},
    "idc": {"distill.lr": 1e-4, "train.cutmix": 0.5},
}
STEPS = {"dc": 200, "dsa": 200, "dm": 400, "mtt": 200, "idc_i": 200, "idc": 200}


def get_config() -> ConfigDict:
    """The quick start without membership and attacks."""
    return config.override(
        config.default(),
        {
            "audits.privacy.enabled": False,
            "audits.robustness.enabled": False,
            "audits.memorisation.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """All methods at one image a class first."""
    return [
        {
            "distill.ipc": ipc,
            "distill.method": method,
            "distill.steps": STEPS[method],
            **recipe,
        }
        for ipc in (1, 5, 10)
        for method, recipe in RECIPES.items()
    ]
