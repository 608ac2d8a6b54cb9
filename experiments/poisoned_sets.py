"""Backdoors in sets of digits: what they do, and whether the search finds them.

  python launch.py --config=experiments/poisoned_sets.py

40 cells: distribution matching at 10 images a class, 20 seeds without a backdoor and 20
with one in the form of DoorPing (Liu et al. 2023): a trigger of 3 x 3 pixels for class
0, on 5 % of the real rows of each step. Every set is searched (`audits.poison`).

Success of the attack and accuracy without trigger are the part `backdoor` of Records,
beside `accuracy` of the clean ones. `python -m dd_jax.report FILE --backdoors` counts
false accusations and missed backdoors at several thresholds of the anomaly index.

Index and threshold of the search were set on sets of other seeds, where it was wrong on
none of 20 clean and 20 poisoned ones; the seeds here were in no choice.

Time: 8 minutes on two CPU cores.
Expect success of 92.0 % at the accuracy of the clean sets. None of 20 clean sets is
accused; 4 of 20 backdoors are missed at the threshold of 3, 6 at 3.5.
Records: experiments/results/poisoned_sets.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

SEEDS = range(20, 40)  # index and threshold were set on sets of seeds 0 to 19


def get_config() -> ConfigDict:
    """A small network without augmentation, and no other audits."""
    return config.override(
        config.default(),
        {
            "model.width": 16,
            "model.depth": 2,
            "distill.steps": 100,
            "distill.augment": "none",
            "train.augment": "none",
            "train.nets": 2,
            "train.full_epochs": 20,
        }
        | config.only_audits("poison"),
        __name__,
    )


def sweep() -> list[Point]:
    """Clean and poisoned sets of each seed."""
    return product({"backdoor.rate": [0.0, 0.05], "seed": list(SEEDS)})
