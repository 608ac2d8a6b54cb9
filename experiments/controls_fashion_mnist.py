"""What is left of the gain of DM, MTT, IDC and DANCE beside simpler sets?

  python launch.py --config=experiments/controls_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

8 cells, 1 and 10 images a class, 5 networks each, with recipes as in
fashion_mnist_methods at width 32 (IDC and DANCE 64), beside the controls of
controls_digits. Accuracy is also measured in 8 bits, as the sets are published.

Time: not measured yet.
Expect: not known yet.
No Record yet.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"
MTT = {
    "distill.steps": 600,
    "distill.mtt.experts": 6,
    "distill.mtt.expert_epochs": 2,
    "distill.mtt.student_lr": 0.02,
    "distill.mtt.lr_lr": 1e-6,
}
TILES = {"model.width": 64, "train.cutmix": 0.5}
IDC = TILES | {"distill.batch_real": 32}
DANCE = TILES | {
    "distill.steps": 1000,
    "distill.dance.experts": 3,
    "distill.dance.expert_epochs": 8,
}
RECIPES = {
    ("dance", 1): DANCE,
    ("dance", 10): DANCE,
    ("dm", 1): {"distill.steps": 2000},
    ("dm", 10): {"distill.steps": 1500, "distill.lr": 5.0, "distill.batch_real": 128},
    ("mtt", 1): MTT
    | {
        "distill.lr": 100.0,
        "distill.mtt.max_start": 3,
        "distill.mtt.student_steps": 40,
    },
    ("mtt", 10): MTT
    | {
        "distill.lr": 200.0,
        "distill.steps_per_call": 4,
        "distill.mtt.max_start": 20,
        "distill.mtt.student_steps": 30,
    },
    ("idc", 1): IDC
    | {
        "distill.steps": 2000,
        "distill.lr": 5e-4,
        "distill.network.outer_steps": 100,
        "distill.augment": "color+crop+cutout",
    },
    ("idc", 10): IDC
    | {
        "distill.steps": 600,
        "distill.lr": 3e-3,
        "distill.network.outer_steps": 50,
    },
}


def get_config() -> ConfigDict:
    """Accuracy and controls alone."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "distill.augment": AUGMENT,
            "distill.steps_per_call": 10,
            "train.augment": AUGMENT,
            "train.full_epochs": 10,
        }
        | config.only_audits("calibration", "controls", "fairness", "quantization"),
        __name__,
    )


def sweep() -> list[Point]:
    """The quickest first."""
    return [
        {"distill.method": method, "distill.ipc": ipc} | recipe
        for (method, ipc), recipe in RECIPES.items()
    ]
