"""DANCE, NCFM, RaT-BPTT, FRePo, DATM and RDED on digits beside simpler sets.

  python launch.py --config=experiments/digits_recent.py

12 cells, 1 and 10 images a class, 5 networks each, with the controls of
controls_digits. DATM is MTT with windows that grow and learned labels of experts; RDED
has labels of a teacher, one for each image and augmented view that fits into 100 kB.
DANCE and NCFM store whole images (published: two or more in each), as a part of an 8x8
image is too small. Chosen on a fifth of the training rows held out
(data.validation=0.2): that, and learning rates and steps of DANCE, NCFM, FRePo and
RaT-BPTT; nothing of DATM and RDED, which have the values of controls_digits and their
defaults.

Time: 16 minutes on two CPU cores, most of it controls and beside other work.
Expect, at 1 and 10 images a class: 90.1 and 96.1 % (NCFM), 87.7 and 94.1 % (DANCE),
89.1 and 94.1 % (RaT-BPTT), 86.9 and 94.5 % (DATM; 85.4 and 95.8 % with hard labels),
84.7 and 93.9 % (FRePo; 84.0 and 93.3 %) and 82.4 and 88.5 % (RDED; 83.0 and 88.5 %),
where random images have 69.8 and 93.9 %, with labels that DATM learns for them 78.7 and
95.0 %, that FRePo learns 79.1 and 92.5 %, and herded ones 79.7 and 94.3 %.
Records: experiments/results/digits_recent.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

IPCS = (1, 10)
INTERPOLATED = {"distill.steps": 200, "distill.factor": 1}
DATM = {
    "distill.steps": 150,
    "distill.lr_labels": 2.0,
    "distill.mtt.experts": 4,
    "distill.mtt.expert_lr": 0.1,
    "distill.mtt.first_max_start": 5,
    "distill.mtt.max_start": 20,
    "distill.mtt.growth": 75,
    "distill.mtt.label_epoch": 20,
    "distill.mtt.expert_epochs": 1,
    "distill.mtt.student_lr": 0.03,
    "distill.mtt.lr_lr": 0.02,
}
RECIPES = {
    "rded": lambda ipc: {
        "distill.labels": "teacher",
        "distill.teacher.bytes": 100_000,
    },
    "dance": lambda ipc: INTERPOLATED,
    "ncfm": lambda ipc: INTERPOLATED,
    "frepo": lambda ipc: {"distill.steps": 500},
    "rat_bptt": lambda ipc: {"distill.steps": {1: 300, 10: 100}[ipc]},
    "mtt": lambda ipc: DATM | {"distill.lr": 3.0 * ipc},
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
