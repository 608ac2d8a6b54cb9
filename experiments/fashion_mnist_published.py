"""The published recipes on Fashion-MNIST, for an accelerator.

  python launch.py --config=experiments/fashion_mnist_published.py \
      --config.data.source=idx:DIR --estimate
  python launch.py --config=experiments/fashion_mnist_published.py \
      --config.data.source=idx:DIR

The first command measures a few steps of each cell on the devices that are there and
says how long each takes, and all. The second runs them, one after another; the same
command again goes on where it stopped. DIR holds the four MNIST-format files, such as
the folder that Debian's package dataset-fashion-mnist installs:
/usr/share/datasets/fashion-mnist.

ConvNet-3 of width 128, 5 sets of 5 networks at 1000 epochs, full schedules of Zhao et
al. (DC, DSA, DM) and Kim et al. (IDC-I, IDC); DC starts from noise, and its networks
see 300 epochs without augmentation. MTT's authors give no recipe for Fashion-MNIST: it
has theirs for CIFAR-10 (a learning rate r of the students' learning rate a is r / a^2
of the logarithm of a).

Time: hours to days a cell on two CPU cores; for an accelerator. On one H100 a set of DM
took 4 to 6 minutes, of DSA 2 at 1 and 19 at 10 images a class.
Expect: the published figures, `PUBLISHED`.
Records: experiments/results/fashion_mnist_published_h100.jsonl, a set of five cells.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"
DC = {"distill.init": "noise", "train.augment": "none", "train.epochs": 300}
PUBLISHED = {  # per cent at 1 and 10 images a class, and where they are from
    "random": (51.4, 73.8, "Zhao et al. 2021"),
    "herding": (67.0, 71.1, "Zhao et al. 2021"),
    "dc": (70.5, 82.3, "Zhao et al. 2021"),
    "dsa": (70.6, 84.6, "Zhao and Bilen 2021"),
    "dm": (71.5, 83.6, "Zhou et al. 2022, who ran DM again"),
    "mtt": (75.1, 87.2, "Zhou et al. 2022, who ran MTT again"),
    "idc_i": (70.7, 85.3, "Kim et al. 2022"),
    "idc": (81.0, 86.0, "Kim et al. 2022"),
    "dance": (81.5, 86.3, "Zhang et al. 2024"),
    "frepo": (75.6, 86.2, "Zhou et al. 2022, widths 128, 256 and 512"),
}
SCHEDULES = {
    "dc": {1: {"distill.steps": 1000} | DC, 10: {"distill.steps": 10_000} | DC},
    "dsa": {1: {"distill.steps": 1000}, 10: {"distill.steps": 10_000}},
    "dm": {1: {"distill.steps": 20_000}, 10: {"distill.steps": 20_000}},
    "mtt": {
        1: {
            "distill.steps": 5000,
            "distill.lr": 100.0,
            "distill.mtt.student_steps": 50,
            "distill.mtt.max_start": 2,
        },
        10: {
            "distill.steps": 5000,
            "distill.lr": 100.0,
            "distill.mtt.student_steps": 30,
            "distill.mtt.max_start": 20,
            "distill.mtt.student_lr": 1e-3,
            "distill.mtt.lr_lr": 10.0,
        },
    },
    "idc_i": {
        1: {"distill.steps": 200_000, "distill.lr": 7.656e-6},
        10: {"distill.steps": 200_000, "distill.lr": 7.656e-5},
    },
    "idc": {
        1: {"distill.steps": 200_000, "distill.lr": 7.656e-6},
        10: {"distill.steps": 200_000, "distill.lr": 7.656e-5},
    },
}
IDC = {
    "distill.batch_real": 64,
    "distill.augment": "color+crop+cutout",
    "distill.network.outer_steps": 100,
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
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
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
    """All methods at 1, then at 10 images a class."""
    return [
        {"distill.method": method, "distill.ipc": ipc}
        | SCHEDULES[method][ipc]
        | (IDC if method.startswith("idc") else {})
        for ipc in (1, 10)
        for method in SCHEDULES
    ]
