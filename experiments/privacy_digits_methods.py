"""Membership under other methods: trajectory matching and IDC on digits.

  python launch.py --config=experiments/privacy_digits_methods.py

10 images a class from real rows, under the threats T0 (initial images), T1 (released
set, two networks on each) and T2 (one released network). MTT and IDC-I have no batched
form: 16 shadows each, each distilled by itself.

Time: 38 minutes for MTT, most of them experts and shadows, and 5 for IDC-I, on two CPU
cores beside other work.
Expect an AUC of RMIA of 0.57 (0.54 to 0.61) for both under T0, 0.59 and 0.60 of the
random subsets, and 0.51 to 0.52 under T1 and T2.
Records: experiments/results/privacy_digits_methods.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point


def get_config() -> ConfigDict:
    """The audit; the sweep sets the methods."""
    return config.override(
        config.default(),
        {
            "distill.steps": 100,
            "train.epochs": 200,
            "train.full_epochs": 15,
            "audits.privacy.threats": ("t0", "t1", "t2"),
            "audits.privacy.shadows": 16,
            "audits.privacy.repeats": 2,
            "audits.privacy.scores": ("lira_online", "rmia", "loss"),
            "audits.privacy.epochs": 40,
            "audits.robustness.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Recipes as in digits_methods."""
    return [
        {
            "distill.method": "mtt",
            "distill.lr": 10.0,
            "distill.mtt.experts": 4,
            "distill.mtt.max_start": 20,
            "distill.mtt.expert_epochs": 20,
        },
        {"distill.method": "idc_i", "distill.lr": 1e-4, "train.cutmix": 0.5},
    ]
