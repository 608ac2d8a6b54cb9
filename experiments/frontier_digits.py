"""What fair, robust and private distillation cost in accuracy, by their strength.

  python launch.py --config=experiments/frontier_digits.py

Digits whose foreground has the colour of their class in 90 % of the training rows;
colours are the groups. Sets of distribution matching, each at several strengths: fair
(balanced batches, barycentre, FairDD, group DRO at three rates), robust (attacked real
images, adversarial training on the set) and private (epsilon 1, 4 and 16). Beside them,
without mitigation: the same method at 2 to 20 images a class, so that every mitigated
set has one of about its accuracy, and from noise, as private sets are; random subset
and full data. DSA has the curvature penalty, with its own plain sets.

3 networks each; membership by 8 shadows, PGD and AutoAttack on 100 images. The report
plots accuracy against worst class, equalised odds, membership AUC and accuracy under
attack, with the settings that no other one improves on.

Time: not measured yet.
Expect: not known yet.
No Record yet.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

DM = {"distill.method": "dm", "distill.lr": 1.0}
DSA = {"distill.method": "dsa", "distill.steps": 60}
PLAIN = [DM | {"distill.ipc": ipc} for ipc in (2, 5, 10, 20)]
FAIR = [
    DM | {"mitigate.fair.form": "balanced"},
    DM | {"mitigate.fair.form": "barycentre"},
    DM | {"mitigate.fair.form": "fairdd", "distill.lr": 0.1},
] + [
    DM | {"mitigate.fair.form": "dro", "mitigate.fair.eta": eta, "distill.lr": 0.1}
    for eta in (0.001, 0.01, 0.1)
]
ATTACKED = [DM | {"mitigate.robust.eps": eps} for eps in (0.02, 0.05, 0.1)]
ADVERSARIAL = [DM | {"train.adversarial.eps": eps} for eps in (0.02, 0.05, 0.1)]
PLAIN_DSA = [DSA | {"distill.ipc": ipc} for ipc in (2, 5)]
CURVATURE = [DSA | {"mitigate.curvature.weight": w} for w in (0.0, 0.1, 1.0)]
NOISE = DM | {"distill.init": "noise"}
PRIVATE = [NOISE] + [
    NOISE | {"distill.steps": 500, "dp.epsilon": epsilon, "dp.delta": 1e-4}
    for epsilon in (1.0, 4.0, 16.0)
]


def get_config() -> ConfigDict:
    """Coloured digits, and all audits of the risks that mitigations are for."""
    return config.override(
        config.default(),
        {
            "data.colour": "foreground",
            "data.correlation": 0.9,
            "model.width": 16,
            "distill.augment": "none",
            "train.augment": "none",
            "train.nets": 3,
            "train.lr": 0.05,
            "train.epochs": 200,
            "train.full_epochs": 20,
            "audits.privacy.shadows": 8,
            "audits.privacy.epochs": 100,
            "audits.robustness.attacks": ("pgd_linf", "autoattack"),
            "audits.robustness.eps_linf": (0.0, 0.02, 0.05),
            "audits.robustness.images": 100,
            "audits.robustness.nets": 3,
            "audits.memorisation.enabled": False,
            "audits.quantization.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Mitigation by mitigation, each from its weakest to its strongest."""
    return [*PLAIN, *FAIR, *ATTACKED, *ADVERSARIAL, *PLAIN_DSA, *CURVATURE, *PRIVATE]
