"""What imbalanced training data do to the worst class, and what group DRO mends.

  python launch.py --config=experiments/imbalance_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

Long-tailed training sets whose largest class has 10 or 100 times the rows of the
smallest; the test set is as it is. Distribution matching at 10 images a class, as it is
and with group DRO over classes, beside a random subset of the same size and the full
data; 2 seeds, 3 networks each.

Time: not measured yet.
Expect: not known yet.
No Record yet.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

AUGMENT = "color_crop_cutout_flip_scale_rotate"
FORMS = (
    {"mitigate.fair.form": "none"},
    {"mitigate.fair.form": "dro", "mitigate.fair.over": "classes"},
)


def get_config() -> ConfigDict:
    """Long-tailed rows, accuracy and fairness alone."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "data.imbalance": "long_tail",
            "model.width": 32,
            "distill.steps": 200,
            "distill.lr": 5.0,
            "distill.batch_real": 128,
            "distill.augment": AUGMENT,
            "train.augment": AUGMENT,
            "train.nets": 3,
            "train.epochs": 300,
            "train.full_epochs": 3,
            "train.lr": 0.03,
            "audits.privacy.enabled": False,
            "audits.robustness.enabled": False,
            "audits.memorisation.enabled": False,
            "audits.quantization.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Seeds last: cells that differ in the seed alone share programs."""
    ratios = product({"data.imbalance_ratio": [10.0, 100.0]})
    seeds = product({"seed": [0, 1]})
    return [ratio | form | seed for ratio in ratios for form in FORMS for seed in seeds]
