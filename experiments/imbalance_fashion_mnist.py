"""What imbalanced training data do to the worst class, and what group DRO mends.

  python launch.py --config=experiments/imbalance_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

Long-tailed training sets whose largest class has 10 or 100 times the rows of the
smallest; the test set is as it is. Distribution matching at 10 images a class, as it is
and with group DRO over classes, beside a random subset of the same size and the full
data; 2 seeds, 3 networks each.

Time: 12 minutes on two CPU cores.
Expect 79.7 and 79.4 % at ratios of 10 and 100, with 38 and 41 % in the worst class;
74.9 and 75.0 %, 36 and 35 % on random subsets, which have equally many images of each
class too; 83.7 and 71.3 %, 24 and 0.4 % on the full data, which train for 3 epochs.
Group DRO over classes changes none of it by more than 0.3 points: in 200 steps at its
rate of 0.01 the weights of classes hardly move.
Records: experiments/results/imbalance_fashion_mnist.jsonl.
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
