"""DC, DSA, DM, MTT, IDC-I, IDC, FRePo, RaT-BPTT and RDED on Fashion-MNIST.

  python launch.py --config=experiments/fashion_mnist_methods.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

ConvNet-3 of width 32 at 1 image a class (IDC 64) and of 64 at 10 (MTT 32, DM 128;
published: 128), 5 networks at 300 epochs (published: 1000), real batches of 32 to 128 a
class (published: 256, IDC 64), and a part of the published schedule: of 1000 x 1 or
1000 x 10 steps (DC, DSA), 20,000 (DM), 5,000 (MTT) and 200,000 (IDC, with a new network
every 100 steps, as published, in IDC at 1 and IDC-I at 10, every 50 in IDC at 10 and
every 10 in IDC-I at 1). Learning rates and the outer steps of a network were chosen on
a fifth of 12,000, 24,000 or all training rows held out, in 80 to 800 steps. MTT has 6
experts that train for 4 epochs, for 21 at 10 images a class; its students keep their
first learning rate (lr_lr=1e-6 changes it next to nothing). DC is evaluated as DSA is,
from real images and with augmentation. FRePo has width 32 (its authors: 128, 256 and
512 in the three blocks). RDED has labels of a teacher, one for each image and augmented
view that fits into 900 kB, and RaT-BPTT a few hundred steps, both with their defaults
and not tuned. MTT's windows grow (DATM) by

      --config.distill.method=mtt --config.distill.ipc=10 \
      --config.distill.mtt.first_max_start=5 --config.distill.mtt.growth=300

which reuses the experts of the plain run in the same work directory. They have 82.9 %,
and 82.2 % with 4 experts and 1,000 epochs of evaluation (controls_fashion_mnist). No
Record says what DATM's labels of experts add
(--config.distill.lr_labels=2 --config.distill.mtt.label_epoch=20).

Networks train for 300 epochs, to compare methods fast. A published set is evaluated for
1,000, as in the papers, by

      --config.distill.method=dc --config.distill.ipc=10 --config.train.epochs=1000 \
      --config.distill.load=experiments/results/sets/fashion_mnist_methods_dc_10.npz

where DC has 81.7 % and MTT 83.1 %.

Time: 5 to 35 minutes a cell on two free CPU cores, an hour for DC, IDC and MTT with its
experts at 10 images a class; up to 5 minutes more for the networks on the full data.
Expect, at 1 and 10 images a class: 71.2 and 82.5 % (DM), 70.1 and 81.0 % (DSA), 70.0
and 80.1 % (DC), 74.3 and 83.3 % (MTT), 70.4 and 82.0 % (IDC-I), 78.2 and 83.0 % (IDC),
73.0 and 81.0 % (FRePo), 71.2 % (RaT-BPTT at 1; not run at 10), 61.9 and 73.5 % (RDED),
and 53.0 and 74.3 % on random subsets. Published figures and recipes are in
experiments/fashion_mnist_published.py.
Records: experiments/results/fashion_mnist.jsonl; with windows, other widths and fewer
steps experiments/results/fashion_mnist_widths.jsonl; with more steps, on held-out rows,
experiments/results/fashion_mnist_held_out.jsonl, and for 1,000 epochs
experiments/results/fashion_mnist_1000_epochs.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"
CONDENSATION = {
    "model.width": 64,
    "distill.steps": 2000,
    "distill.lr": 0.5,
    "distill.network.epochs": 10,
}
IDC = {"model.width": 64, "distill.batch_real": 32}
TAUGHT = {"distill.labels": "teacher", "distill.teacher.bytes": 900_000}
RECIPES = {
    ("rded", 1): TAUGHT,
    ("rded", 10): TAUGHT,
    ("rat_bptt", 1): {"distill.steps": 400},
    ("rat_bptt", 10): {"distill.steps": 200, "distill.steps_per_call": 4},
    ("frepo", 1): {"distill.steps": 2000},
    ("frepo", 10): {"distill.steps": 1000},
    ("dm", 1): {"distill.steps": 2000},
    ("dsa", 1): {"distill.steps": 600, "distill.lr": 0.3},
    ("dc", 1): {"distill.steps": 600, "distill.lr": 0.3},
    ("dm", 10): {
        "model.width": 128,
        "distill.steps": 1500,
        "distill.lr": 5.0,
        "distill.batch_real": 128,
    },
    ("idc_i", 1): {
        "distill.steps": 1200,
        "distill.lr": 1e-3,
        "distill.batch_real": 32,
        "distill.network.outer_steps": 10,
        "distill.network.steps": 4,
    },
    ("idc", 1): {
        "distill.steps": 2000,
        "distill.lr": 5e-4,
        "distill.network.outer_steps": 100,
        "distill.augment": "color+crop+cutout",
    }
    | IDC,
    ("dsa", 10): CONDENSATION,
    ("dc", 10): CONDENSATION,
    ("idc_i", 10): {
        "distill.steps": 1500,
        "distill.lr": 3e-3,
        "distill.network.outer_steps": 100,
    }
    | IDC,
    ("mtt", 1): {"distill.steps": 600, "distill.lr": 100.0},
    ("mtt", 10): {
        "distill.steps": 600,
        "distill.lr": 200.0,
        "distill.steps_per_call": 4,
        "distill.mtt.max_start": 20,
        "distill.mtt.student_steps": 30,
    },
    ("idc", 10): {
        "distill.steps": 2000,
        "distill.lr": 3e-3,
        "distill.network.outer_steps": 50,
    }
    | IDC,
}
MTT = {
    "distill.mtt.experts": 6,
    "distill.mtt.max_start": 3,
    "distill.mtt.expert_epochs": 2,
    "distill.mtt.student_steps": 40,
    "distill.mtt.student_lr": 0.02,
    "distill.mtt.lr_lr": 1e-6,
}


def get_config() -> ConfigDict:
    """Accuracy and fairness only, of two earlier sets as well."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "distill.augment": AUGMENT,
            "audits.learning_curve.eval_steps": 2,
            "distill.steps_per_call": 10,
            "train.augment": AUGMENT,
            "train.full_epochs": 10,
        }
        | config.only_audits("calibration", "fairness", "quantization"),
        __name__,
    )


def sweep() -> list[Point]:
    """The quickest first."""
    return [
        {"distill.method": method, "distill.ipc": ipc}
        | (MTT if method == "mtt" else {})
        | recipe
        | ({"train.cutmix": 0.5} if method.startswith("idc") else {})
        for (method, ipc), recipe in RECIPES.items()
    ]
