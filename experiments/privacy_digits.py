"""Which training rows can be inferred: 64 shadow distillations of digits.

  python launch.py --config=experiments/privacy_digits.py

Initial images from real rows and from noise, 10 images a class, under all three
threats: T0 the initial images, T1 the released set (two networks on each), T2 one
released network. 64 joint shadows, 16 targets that share no random numbers with them,
and 20 canaries of each kind; a random subset and the full data beside.

Time: 30 minutes on two CPU cores beside other work.
Expect an AUC of RMIA, from real images, of 0.58 (0.55 to 0.61) under T0, 0.61 of a
random subset; of 0.52 (0.51 to 0.54) under T1 and T2, 0.51 to 0.52 of a random subset;
of 0.53 of the full data, and there 0.71 on duplicated canaries, where the distilled set
has 0.58. From noise 0.51 (0.49 to 0.52), of networks of 55 % accuracy (94 % from real
images, 92 % on the subset). Targets that share their random numbers with 62 of their 78
shadows leak no more than those that share them with none.
Records: experiments/results/privacy_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product


def get_config() -> ConfigDict:
    """The audit; the sweep sets the initial images."""
    return config.override(
        config.default(),
        {
            "distill.steps": 100,
            "distill.batch_real": 128,
            "train.epochs": 200,
            "train.full_epochs": 30,
            "audits.privacy.threats": ("t0", "t1", "t2"),
            "audits.privacy.shadows": 64,
            "audits.privacy.joint": True,
            "audits.privacy.targets": 16,
            "audits.privacy.canaries": 20,
            "audits.privacy.repeats": 2,
            "audits.privacy.scores": ("lira_online", "rmia", "loss"),
            "audits.privacy.epochs": 40,
            "audits.robustness.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """The positive control and the negative one."""
    return product({"distill.init": ["real", "noise"]})
