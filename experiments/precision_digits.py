"""Do DM and MTT on digits lose accuracy where networks compute in bfloat16?

  python launch.py --config=experiments/precision_digits.py

Four cells: each method at 10 images a class in float32 and in bfloat16, with three
sets, two networks on each, beside random subsets and the full data, all trained in the
cell's precision; experts too. Networks are evaluated in float32. On CPU bfloat16
has the rounding of an accelerator, but not its speed. On a GPU also run it with
`--config.precision=tf32`.

Time: 45 minutes on two busy CPU cores.
Expect, on distilled sets in float32 and in bfloat16: DM 91.7 % (89.1 to 94.4) and
91.9 % (89.2 to 94.6), MTT 92.9 % (90.8 to 95.0) and 92.5 %
(89.4 to 95.6).
Records: experiments/results/precision_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

MTT = {
    "distill.mtt.experts": 2,
    "distill.mtt.expert_lr": 0.1,
    "distill.mtt.max_start": 10,
    "distill.mtt.expert_epochs": 1,
    "distill.mtt.student_steps": 10,
    "distill.mtt.student_lr": 0.03,
    "distill.mtt.lr_lr": 0.02,
}


def get_config() -> ConfigDict:
    """The quick start with three sets and no audits that train or attack."""
    return config.override(
        config.default(),
        MTT
        | {
            "sets": 3,
            "train.nets": 2,
            "train.epochs": 150,
            "train.full_epochs": 15,
        }
        | config.only_audits("calibration", "fairness"),
        __name__,
    )


def sweep() -> list[Point]:
    """Method by method, float32 first."""
    return [
        {"distill.method": method, "distill.lr": lr, "precision": precision}
        for method, lr in (("dm", 1.0), ("mtt", 30.0))
        for precision in ("float32", "bfloat16")
    ]
