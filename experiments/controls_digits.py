"""What is left of the gain of DM, MTT and IDC on digits beside simpler sets?

  python launch.py --config=experiments/controls_digits.py

6 cells, 1 and 10 images a class with the recipes of digits_methods, 5 networks each,
beside random images with the labels of a teacher of chosen epochs, the easiest or
hardest images by EL2N, GraNd and forgetting, images herded by learned features, and
training without augmentation.

Time: 20 minutes on two CPU cores, beside other work.
Expect 90.3, 87.4 and 82.8 % (DM, MTT, IDC) at 1 image a class, where random images have
70 to 71 %, the easiest by EL2N 80 % and herded ones 80 to 83 %; at 10 images a class
95.4, 95.0 and 88.4 %, random images 93 to 94 % and herded ones 94 %. LRS is 0.27
to 0.30 and 0.24 to 0.27; 0.27 is no gain over random images and no loss to full data.
Records: experiments/results/controls_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

IPCS = (1, 10)
MTT = {
    "distill.steps": 150,
    "distill.mtt.experts": 4,
    "distill.mtt.expert_lr": 0.1,
    "distill.mtt.max_start": 20,
    "distill.mtt.expert_epochs": 1,
    "distill.mtt.student_lr": 0.03,
    "distill.mtt.lr_lr": 0.02,
}
IDC = {"distill.steps": 300, "distill.network.outer_steps": 5, "train.cutmix": 0.5}
RECIPES = {
    "dm": lambda ipc: {"distill.steps": 400, "distill.lr": 1.0},
    "mtt": lambda ipc: MTT | {"distill.lr": 3.0 * ipc},
    "idc": lambda ipc: IDC | {"distill.lr": {1: 3e-4, 10: 1e-3}[ipc]},
}


def get_config() -> ConfigDict:
    """Accuracy and controls alone."""
    return config.override(
        config.default(),
        config.only_audits("calibration", "controls", "fairness", "quantization"),
        __name__,
    )


def sweep() -> list[Point]:
    """Method by method."""
    return [
        {"distill.ipc": ipc, "distill.method": method} | recipe(ipc)
        for method, recipe in RECIPES.items()
        for ipc in IPCS
    ]
