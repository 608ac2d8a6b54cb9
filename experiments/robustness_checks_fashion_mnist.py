"""Are the networks robust, or does the attack fail? DM on Fashion-MNIST.

  python launch.py --config=experiments/robustness_checks_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

The cell of distribution matching at 10 images a class of robustness_fashion_mnist.py,
attacked by APGD on the cross-entropy too (100 steps), with every masking check: twice
the steps, 5 restarts, balls that hold a grey image and every image, transfer from the
other pipelines' networks, DeepFool without a radius, and on the images that are still
right random noise, Square and targeted APGD, of 1,000 draws and queries for each image.

Time: 70 minutes on two CPU cores beside other work.
Expect: 15 of the 16 checks pass for all three pipelines; the other, that accuracy falls
with the radius, holds by construction with sequential radii. APGD leaves 40.1 % at Linf
0.05 after distillation, 32.3 % on random subsets, 35.7 % on the full data, 1 to 3
points less than PGD. DeepFool's median L2 distance is 0.71, 0.46 and 0.71.
Record: experiments/results/robustness_checks_fashion_mnist.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config as configs

AUGMENT = "color_crop_cutout_flip_scale_rotate"


def get_config() -> ConfigDict:
    """The config, without the membership audit."""
    return configs.override(
        configs.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "model.width": 32,
            "distill.steps": 300,
            "distill.steps_per_call": 10,
            "distill.batch_real": 256,
            "distill.augment": AUGMENT,
            "train.augment": AUGMENT,
            "train.nets": 3,
            "train.full_epochs": 5,
            "train.full_nets": 3,
            "audits.privacy.enabled": False,
            "audits.memorisation.enabled": False,
            "audits.robustness.attacks": ("fgsm", "pgd_linf", "apgd_ce"),
            "audits.robustness.steps": 40,
            "audits.robustness.eps_linf": (0.0, 0.02, 0.05, 0.1, 0.2),
            "audits.robustness.images": 300,
            "audits.robustness.queries": 1000,
            "audits.robustness.draws": 1000,
            "audits.robustness.nets": 3,
            "audits.robustness.sequential_radii": True,
            "audits.robustness.checks": True,
            "audits.transfer.enabled": True,
        },
        __name__,
    )
