"""Which training rows can be inferred: 64 shadow distillations of Fashion-MNIST.

  python launch.py --config=experiments/privacy_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

A pool of 10,000 rows, 1 and 10 images a class, initial images from real rows and from
noise: four runs, each resumable on its own, under the threats T0 (initial images), T1
(released set, two networks on each) and T2 (one released network). 64 joint shadows
and 16 targets that share no random numbers with them; 3,000 rows are queried.

Time: 64 minutes for the four runs on two CPU cores beside other work.
Expect an AUC of RMIA of 0.61 under T0 at 10 images a class (random subset 0.70) and of
0.52 at 1 (0.97), and of 0.50 to 0.51 under T1 and T2, also on random subsets and the
full data (79 % accuracy after 5 epochs). Targets that share their random numbers with
most shadows leak as much, but for T0 at 1 image a class: 0.58 (0.52 to 0.65).
Records: experiments/results/privacy_fashion_mnist.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

AUGMENT = "color_crop_cutout_flip_scale_rotate"


def get_config() -> ConfigDict:
    """The audit; the sweep sets the size and the initial images."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "data.rows": 10_000,
            "model.width": 16,
            "distill.steps": 100,
            "distill.steps_per_call": 5,
            "distill.batch_real": 128,
            "distill.augment": AUGMENT,
            "train.epochs": 100,
            "train.nets": 3,
            "train.augment": AUGMENT,
            "train.full_epochs": 5,
            "audits.privacy.threats": ("t0", "t1", "t2"),
            "audits.privacy.shadows": 64,
            "audits.privacy.joint": True,
            "audits.privacy.targets": 16,
            "audits.privacy.rows": 3000,
            "audits.privacy.repeats": 2,
            "audits.privacy.scores": ("lira_online", "rmia", "loss"),
            "audits.privacy.epochs": 50,
            "audits.robustness.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Sizes first: runs of one size share programs and baselines."""
    return product({"distill.ipc": [1, 10], "distill.init": ["real", "noise"]})
