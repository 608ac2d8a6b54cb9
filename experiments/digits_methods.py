"""Every method of the study on digits, at 1, 5 and 10 images a class.

  python launch.py --config=experiments/digits_methods.py

18 cells, each beside random subsets of its size and the full data, without audits of
membership and robustness. Learning rates and the recipe of MTT's experts were chosen on
a fifth of the training rows held out (data.validation=0.2): of DSA (and DC after it)
and IDC-I at 10 images a class, of MTT and IDC at 1 and 10, and in between by the number
of images.

Time: 7 minutes on two free CPU cores, twice that on slower ones.
Expect, at 1, 5 and 10 images a class: 90, 93 and 95 % (DM), 88, 93 and 95 % (DSA), 87,
93 and 93 % (DC), 87, 93 and 95 % (MTT), 87, 93 and 95 % (IDC-I), 83, 84 and 88 % (IDC,
whose tiles have 4x4 pixels), and about 70, 90 and 94 % on random subsets.
Records: experiments/results/digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

IPCS = (1, 5, 10)
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


def condensation(ipc: int) -> Point:
    """DC and DSA: each image moves a share of 1 / ipc of the mean gradient."""
    return {
        "distill.steps": 200,
        "distill.lr": 0.01 * ipc,
        "distill.network.epochs": 10,
    }


RECIPES = {
    "dm": lambda ipc: {"distill.steps": 400, "distill.lr": 1.0},
    "dsa": condensation,
    "dc": condensation,
    "mtt": lambda ipc: MTT | {"distill.lr": 3.0 * ipc},
    "idc_i": lambda ipc: IDC | {"distill.lr": 4e-4 * ipc},
    "idc": lambda ipc: IDC | {"distill.lr": {1: 3e-4, 5: 7e-4, 10: 1e-3}[ipc]},
}


def get_config() -> ConfigDict:
    """The quick start without membership and attacks."""
    return config.override(
        config.default(),
        config.only_audits("calibration", "fairness", "quantization"),
        __name__,
    )


def sweep() -> list[Point]:
    """Method by method, the quickest first."""
    return [
        {"distill.ipc": ipc, "distill.method": method} | recipe(ipc)
        for method, recipe in RECIPES.items()
        for ipc in IPCS
    ]
