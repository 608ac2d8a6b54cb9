"""The published recipes on CIFAR-10, for an accelerator.

  python launch.py --config=experiments/cifar10_published.py --estimate
  python launch.py --config=experiments/cifar10_published.py

The first command measures a few steps of each cell on the devices that are there and
says how long each takes, and all. The second runs them, one after another; the same
command again goes on where it stopped. One cell:
`--config.distill.method=mtt --config.distill.ipc=10`.

CIFAR-10 comes through TFDS (`pip install 'dd_jax[tfds]'` prepares it at the first run).
Another copy is read by

      --config.data.source=npz:FILE     x_train, x_test u8[n 32 32 3], y_train, y_test
      --config.data.source=folder:DIR   train/CLASS/*.png and test/CLASS/*.png

A copy whose images went through JPEG gives figures that are within about a point or two
of those of the original.

ConvNet-3 of width 128, 5 sets of 5 networks at 1000 epochs, full schedules of Zhao et
al. (DC, DSA, DM), Cazenavette et al. (MTT) and Kim et al. (IDC-I, IDC) at 1 and 10
images a class, and of DM and MTT at 50. DC starts from noise, and its networks see 300
epochs without augmentation. MTT sees ZCA-whitened images at 1 and 10; its learning rate
r of the students' learning rate a is r / a^2 of the logarithm of a. IDC matches squared
differences of gradients.

Time: hours to days a cell on two CPU cores; for an accelerator.
Expect: the published figures, `PUBLISHED`. No Record yet.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"
DC = {"distill.init": "noise", "train.augment": "none", "train.epochs": 300}
PUBLISHED = {  # per cent at 1, 10 and 50 images a class, and where they are from
    "random": (15.4, 31.0, 50.6, "Zhao and Bilen 2023"),
    "dc": (28.3, 44.9, 53.9, "Zhao et al. 2021"),
    "dsa": (28.8, 52.1, 60.6, "Zhao and Bilen 2021"),
    "dm": (26.0, 48.9, 63.0, "Zhao and Bilen 2023"),
    "mtt": (46.2, 65.4, 71.6, "Cazenavette et al. 2022"),
    "idc_i": (36.7, 58.3, 69.5, "Kim et al. 2022"),
    "idc": (50.6, 67.5, 74.5, "Kim et al. 2022"),
}
MTT = {"distill.steps": 5000, "distill.mtt.expert_epochs": 2}
SCHEDULES = {
    "dc": {1: {"distill.steps": 1000} | DC, 10: {"distill.steps": 10_000} | DC},
    "dsa": {1: {"distill.steps": 1000}, 10: {"distill.steps": 10_000}},
    "dm": {ipc: {"distill.steps": 20_000} for ipc in (1, 10, 50)},
    "mtt": {
        1: MTT
        | {
            "data.zca": True,
            "distill.lr": 100.0,
            "distill.mtt.kept_epochs": 21,  # as at 10: the same experts
            "distill.mtt.student_steps": 50,
            "distill.mtt.max_start": 2,
            "distill.mtt.lr_lr": 1e-3,
        },
        10: MTT
        | {
            "data.zca": True,
            "distill.lr": 100.0,
            "distill.mtt.student_steps": 30,
            "distill.mtt.max_start": 20,
            "distill.mtt.student_lr": 1e-3,
            "distill.mtt.lr_lr": 10.0,
        },
        50: MTT
        | {
            "distill.lr": 1000.0,
            "distill.mtt.student_steps": 30,
            "distill.mtt.max_start": 40,
            "distill.mtt.student_lr": 1e-3,
            "distill.mtt.lr_lr": 10.0,
        },
    },
    "idc_i": {
        1: {"distill.steps": 200_000, "distill.lr": 5e-4},
        10: {"distill.steps": 200_000, "distill.lr": 5e-3},
    },
    "idc": {
        1: {"distill.steps": 200_000, "distill.lr": 5e-4},
        10: {"distill.steps": 200_000, "distill.lr": 5e-3},
    },
}
IDC = {
    "distill.batch_real": 64,
    "distill.augment": "color+crop+cutout",
    "distill.distance": "kernel_squared",
    "distill.network.outer_steps": 100,
    "distill.network.steps": 32,
    "train.augment": "flip+color+crop_scale_rotate",
    "train.batch": 64,
    "train.cutmix": 0.5,
    "train.decay": "thirds",
}


def get_config() -> ConfigDict:
    """What the methods share."""
    return config.override(
        config.default(),
        {
            "sets": 5,
            "data.source": "tfds:cifar10",
            "model.width": 128,
            "distill.augment": AUGMENT,
            "distill.batch_real": 256,
            "distill.mtt.experts": 100,
            "distill.steps_per_call": 100,
            "train.augment": AUGMENT,
            "train.epochs": 1000,
        }
        | config.only_audits("calibration", "fairness", "quantization"),
        __name__,
    )


def sweep() -> list[Point]:
    """All methods at 1, then at 10, then some at 50 images a class."""
    return [
        {"distill.method": method, "distill.ipc": ipc}
        | SCHEDULES[method][ipc]
        | (IDC if method.startswith("idc") else {})
        for ipc in (1, 10, 50)
        for method in SCHEDULES
        if ipc in SCHEDULES[method]
    ]
