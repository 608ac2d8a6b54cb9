"""Beyond the study: kernel ridge matching and difficulty-aligned windows.

  python launch.py --config=experiments/fashion_mnist_beyond.py \
      --config.data.source=idx:DIR

FRePo at 1 and 10 images a class, with learned labels, and MTT at 10 with windows that
grow from the first 5 to the first 20 epochs of its experts (DATM), on Fashion-MNIST as
in experiments/fashion_mnist_methods.py: ConvNet-3 of width 32 (FRePo's authors: 128,
256 and 512 in its three blocks), 5 networks at 300 epochs. At 1 and 10 images a class
expect 71.7 and 78.5 % of FRePo, in 5 minutes each on two free cores; the Records are in
experiments/results/fashion_mnist_beyond.jsonl. MTT takes half an hour, and as much for
its experts unless it finds those of that experiment in the same work directory; it has
no Record yet.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.sweep import Point

AUGMENT = "color_crop_cutout_flip_scale_rotate"


def get_config() -> ConfigDict:
    """Accuracy and fairness alone, with two looks on the way."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "distill.augment": AUGMENT,
            "distill.looks": 2,
            "distill.steps_per_call": 10,
            "train.augment": AUGMENT,
            "train.full_epochs": 10,
            "audits.privacy.enabled": False,
            "audits.robustness.enabled": False,
            "audits.memorisation.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """The quickest first."""
    return [
        {"distill.method": "frepo", "distill.ipc": 1, "distill.steps": 2000},
        {"distill.method": "frepo", "distill.ipc": 10, "distill.steps": 1000},
        {
            "distill.method": "mtt",
            "distill.ipc": 10,
            "distill.steps": 600,
            "distill.lr": 200.0,
            "distill.steps_per_call": 4,
            "distill.mtt.experts": 6,
            "distill.mtt.max_start": 20,
            "distill.mtt.first_max_start": 5,
            "distill.mtt.growth": 300,
            "distill.mtt.expert_epochs": 2,
            "distill.mtt.student_steps": 30,
            "distill.mtt.student_lr": 0.02,
            "distill.mtt.lr_rate": 1e-6,
        },
    ]
