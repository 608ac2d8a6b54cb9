"""What fair, robust and private distillation cost in accuracy, by their strength.

  python launch.py --config=experiments/frontier_digits.py

Two clusters of features in each class are the groups (`data.groups=clusters:2`). Sets
of distribution matching, each at several strengths: fair (balanced batches, barycentre,
FairDD, group DRO at three rates), robust (attacked real images, adversarial training on
the set) and private (epsilon 1 and 8). Beside them, without mitigation: the same
method at 1 to 20 images a class, so that every mitigated set has one of about its
accuracy, and from noise, as private sets are; random subset and full data. DSA has the
curvature penalty, with its own plain sets.

3 networks each; membership by 8 shadows, PGD and AutoAttack on 50 images, with 1,000
queries of Square. The report plots accuracy against worst class, equalised odds,
membership AUC and accuracy under attack, with the settings that no other one improves
on; `python -m dd_jax.report FILE --matched` sets them beside plain sets of the same
accuracy.

Time: 102 minutes of computing, in two processes on two CPU cores beside other work 41
minutes.
Expect little room on digits: fair forms, attacked real images and small radii of
adversarial training stay at 94.7 to 95.6 % and within a few points of plain sets in
every risk, which 50 attacked images do not tell apart. Strong adversarial training
costs 7 points and gains no accuracy under AutoAttack at Linf 0.05; epsilon 8 costs 2
points and epsilon 1 ten, at an AUC of 0.506. The curvature penalty (DSA) gains 1 to 4
points under AutoAttack over plain sets of the same accuracy.
Records: experiments/results/frontier_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point

DM = {"distill.method": "dm", "distill.steps": 400, "distill.lr": 1.0}
DSA = {
    "distill.method": "dsa",
    "distill.steps": 200,
    "distill.lr": 0.1,
    "distill.network.epochs": 10,
}
PLAIN = [DM | {"distill.ipc": ipc} for ipc in (1, 2, 5, 10, 20)]
FAIR = [
    DM | {"mitigate.fair.form": "balanced"},
    DM | {"mitigate.fair.form": "barycentre"},
    DM | {"mitigate.fair.form": "fairdd", "distill.lr": 0.1},
] + [
    DM | {"mitigate.fair.form": "dro", "mitigate.fair.eta": eta, "distill.lr": 0.1}
    for eta in (0.001, 0.01, 0.1)
]
ATTACKED = [DM | {"mitigate.robust.eps": eps} for eps in (0.02, 0.1)]
ADVERSARIAL = [DM | {"train.adversarial.eps": eps} for eps in (0.02, 0.1)]
PLAIN_DSA = [DSA | {"distill.ipc": ipc, "distill.lr": 0.01 * ipc} for ipc in (2, 5)]
CURVATURE = [DSA | {"mitigate.curvature.weight": w} for w in (0.0, 0.1, 1.0)]
NOISE = DM | {"distill.init": "noise"}
PRIVATE = [NOISE] + [
    NOISE | {"distill.steps": 500, "dp.epsilon": epsilon, "dp.delta": 1e-4}
    for epsilon in (1.0, 8.0)
]


def get_config() -> ConfigDict:
    """Digits in clusters, and all audits of the risks that mitigations are for."""
    return config.override(
        config.default(),
        {
            "data.groups": "clusters:2",
            "train.nets": 3,
            "audits.privacy.shadows": 8,
            "audits.privacy.epochs": 100,
            "audits.robustness.attacks": ("pgd_linf", "autoattack"),
            "audits.robustness.eps_linf": (0.0, 0.05),
            "audits.robustness.images": 50,
            "audits.robustness.nets": 2,
            "audits.robustness.queries": 1000,
            "audits.memorisation.enabled": False,
            "audits.quantization.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Mitigation by mitigation, each from its weakest to its strongest."""
    return [*PLAIN, *FAIR, *ATTACKED, *ADVERSARIAL, *PLAIN_DSA, *CURVATURE, *PRIVATE]
