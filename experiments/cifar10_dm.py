"""Distribution matching on CIFAR-10, the published recipe; for an accelerator.

  python launch.py --config=experiments/cifar10_dm.py

CIFAR-10 comes through TFDS (`pip install 'dd_jax[tfds]'` prepares it at the first run).
10 images a class, 20,000 steps, 5 networks at 1,000 epochs.

Time: not measured; hours on one accelerator.
Expect: 48.9 %, as Zhao and Bilen (2023) report. No Record yet.
"""

from dd_jax import config as configs

AUGMENT = "color_crop_cutout_flip_scale_rotate"


def get_config():
    """The config of the paper at IPC 10."""
    return configs.override(
        configs.default(),
        {
            "data.source": "tfds:cifar10",
            "model.width": 128,
            "distill.steps": 20_000,
            "distill.steps_per_call": 100,
            "distill.batch_real": 256,
            "distill.augment": AUGMENT,
            "train.epochs": 1000,
            "train.augment": AUGMENT,
            "train.full_epochs": 100,
            "audits.privacy.enabled": False,
        },
        __name__,
    )
