"""Do DM and MTT on digits lose accuracy where networks compute in bfloat16?

  python launch.py --config=experiments/precision_digits.py

Four cells: each method at 10 images a class in float32 and in bfloat16, with three
sets, two networks on each, beside random subsets and the full data, all trained in the
cell's precision; experts too. Networks are evaluated in float32. On CPU bfloat16
has the rounding of an accelerator, but not its speed. On a GPU also run it with
`--config.precision=tf32`.

Time: 5 minutes on two free CPU cores.
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
            "audits.privacy.enabled": False,
            "audits.robustness.enabled": False,
            "audits.memorisation.enabled": False,
            "audits.quantization.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Method by method, float32 first."""
    return [
        {"distill.method": method, "distill.lr": lr, "precision": precision}
        for method, lr in (("dm", 1.0), ("mtt", 30.0))
        for precision in ("float32", "bfloat16")
    ]
