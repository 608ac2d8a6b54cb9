"""What distillation does to robustness on Fashion-MNIST, against subsets and full data.

  python launch.py --config=experiments/robustness_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

Eleven cells, ConvNet-3 of width 32: at 10 images a class distribution matching and the
selections herding, k-center and k-means, at 1 image a class every learned method, on
short schedules; 3 networks on each set, on random subsets and on the full data. FGSM
and PGD (40 steps) on 500 test images at 10 ascending Linf radii, each on the images
that are still right, and the 15 common corruptions.

Time: 43 minutes on two CPU cores beside other work.
Expect: clean accuracy below the full data's (88.9 %) everywhere; from Linf 0.05 on
networks on DM's images keep as much as those on the full data or more (45.7 % at 10
images a class and 43.6 % at 1, full data 42.6 %), random subsets 33.7 and 29.7 %.
Intervals over three networks are wide. A mean corruption error of 1.6 (DM) and 2.1
(subset) times that of the full data at 10 images a class, of 2.0 (IDC) to 2.8 (MTT) and
3.6 (subset) at 1.
Records and plots: experiments/results/robustness_fashion_mnist*.
"""

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.config.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"


def get_config() -> ConfigDict:
    """The config, without the membership audit."""
    return configs.override(
        configs.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "model.width": 32,
            "distill.steps_per_call": 10,
            "distill.augment": AUGMENT,
            "train.augment": AUGMENT,
            "train.nets": 3,
            "train.full_epochs": 5,
            "train.full_nets": 3,
            "audits.privacy.enabled": False,
            "audits.robustness.attacks": ("fgsm", "pgd_linf"),
            "audits.robustness.steps": 40,
            "audits.robustness.eps_linf": (
                *(0.0, 0.01, 0.02, 0.03, 0.04),
                *(0.05, 0.06, 0.08, 0.1, 0.2),
            ),
            "audits.robustness.images": 500,
            "audits.robustness.nets": 3,
            "audits.robustness.sequential_radii": True,
            "audits.corruptions.enabled": True,
        },
        __name__,
    )


LEARNED = {
    "dm": {"distill.steps": 500},
    "dc": {"distill.steps": 300, "distill.lr": 0.3},
    "dsa": {"distill.steps": 300, "distill.lr": 0.3},
    "idc_i": {"distill.steps": 150, "distill.lr": 1e-3},
    "idc": {"distill.steps": 150, "distill.lr": 1e-3},
    "frepo": {"distill.steps": 300},
    "mtt": {
        "distill.steps": 100,
        "distill.lr": 100.0,
        "distill.mtt.experts": 2,
        "distill.mtt.expert_epochs": 2,
        "distill.mtt.max_start": 2,
        "distill.mtt.student_steps": 20,
        "distill.mtt.lr_lr": 0.01,
    },
}


def sweep() -> list[Point]:
    """One cell a method; the baselines are trained and attacked once a set size."""
    matched = {"distill.steps": 300, "distill.batch_real": 256}
    ten = ("dm", "herding", "kcenter", "kmeans")
    return [
        {"distill.method": method, "distill.ipc": 10} | matched for method in ten
    ] + [
        {"distill.method": method, "distill.ipc": 1} | recipe
        for method, recipe in LEARNED.items()
    ]
