"""Method, ratio, initial images and class count on Fashion-MNIST, with every audit.

  python launch.py --config=experiments/ablation_fashion_mnist.py --executor=local \
      --workers=2 --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

72 cells: DM, DSA, IDC and MTT, 3 seeds, at 1, 10 and 50 images a class (IPC) from real
images with ten classes, and at 10 images a class also from noise, and with the first 2
and 5 classes alone. Learning rates were chosen at 1 and 10 images a class
on a fifth of the training rows held out (`data.validation`).

Time: 3.9 hours of two CPU cores, in part beside other work; four tenths of it are
shadow distillations, half of those of MTT, with experts of their own.
Expect, from real images with ten classes, at 1, 10 and 50 images a class: 69, 77 and
82 % of DM, 61, 75 and 81 % of DSA, 73, 77 and 80 % of IDC, 65, 75 and 80 % of MTT,
where random subsets have 49, 72 and 81 %.
Records: experiments/results/ablation_fashion_mnist.jsonl.gz.
Limits: k-means is left out, recipes are short, networks have width 16 and train on
6,000 rows, and three seeds decide few of the claims.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

BY_SIZE = {  # steps and learning rate, by method and images a class
    "dm": {1: (150, 0.5), 10: (150, 5.0), 50: (150, 25.0)},
    "dsa": {1: (40, 0.2), 10: (40, 0.5), 50: (15, 1.0)},
    "idc": {1: (60, 5e-3), 10: (60, 5e-3), 50: (30, 5e-3)},
    "mtt": {1: (60, 200.0), 10: (60, 50.0), 50: (60, 50.0)},
}
RECIPES = {
    "dm": {},
    "dsa": {"distill.network.epochs": 10},
    "idc": {
        "distill.batch_real": 32,
        "distill.network.outer_steps": 20,
        "train.cutmix": 0.5,
    },
    "mtt": {
        "distill.mtt.experts": 3,
        "distill.mtt.expert_lr": 0.05,
        "distill.mtt.max_start": 3,
        "distill.mtt.student_lr": 0.05,
        "distill.mtt.student_steps": 10,
        "distill.mtt.batch_student": 100,
        "distill.mtt.lr_lr": 1e-3,
    },
}


def get_config() -> ConfigDict:
    """Few rows, small networks and short loops."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "data.rows": 6000,
            "model.width": 16,
            "train.lr": 0.03,
            "train.epochs": 100,
            "train.nets": 3,
            "train.full_epochs": 15,
            "audits.privacy.shadows": 8,
            "audits.privacy.epochs": 50,
            "audits.robustness.images": 200,
            "audits.robustness.steps": 10,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """One axis at a time around ten classes and 10 real images of each."""
    middle = {"data.num_classes": 10, "distill.ipc": 10, "distill.init": "real"}
    axes = (
        product({"distill.ipc": [10, 1, 50]})
        + product({"distill.init": ["noise"]})
        + product({"data.num_classes": [2, 5]})
    )
    grid = product({"distill.method": list(RECIPES), "seed": [0, 1, 2]})
    return [_cell(middle | level | point) for level in axes for point in grid]


def _cell(point: Point) -> Point:
    method = point["distill.method"]
    steps, lr = BY_SIZE[method][point["distill.ipc"]]
    return point | RECIPES[method] | {"distill.steps": steps, "distill.lr": lr}
