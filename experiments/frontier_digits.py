"""What fair, robust and private distillation cost in accuracy, by their strength.

  python launch.py --config=experiments/frontier_digits.py

Groups are two clusters of images less the mean of their class
(`data.groups=clusters:2`). Sets of distribution matching, each at several strengths:
fair (balanced batches, barycentre, FairDD, group DRO at three rates), robust (attacked
real images, adversarial training on the set) and private (epsilon 1 and 8). Beside
them, without mitigation: the same method at 1 to 50 images a class, so that most
mitigated sets have some of about their accuracy, also from noise, as private sets are;
random subset and full data. DSA has the curvature penalty, with its own plain sets.

3 networks each; membership by 8 shadows, PGD and AutoAttack on 100 images, with 1,000
queries of Square. The report plots accuracy against worst class, equalised odds,
membership AUC and accuracy under attack, with the settings that no other one improves
on; `python -m dd_jax.report FILE --matched` sets them beside plain sets of the same
accuracy.

Plain sets of one image a class also take 30 or 100 steps, so that there are less
accurate ones.

Time: 53 minutes on two CPU cores, beside other work.
Expect little room on digits: fair forms, attacked real images and small radii of
adversarial training stay at 95.1 to 95.6 % and within a few points of plain sets of the
same accuracy in every risk, which 100 attacked images hardly resolve. Epsilon 8 is as
good as a plain set from noise of its accuracy (93.3 %), at the same AUC; epsilon 1
costs 6.5 points more, at an AUC of 0.508. Strong adversarial training costs 8 points of
accuracy; beside plain sets of its accuracy it gains 9 points under AutoAttack at Linf
0.05. The curvature penalty (DSA) gains 4 points or none.
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
WEAKEST = DM | {"distill.ipc": 1, "distill.steps": 30}
PLAIN = [WEAKEST] + [DM | {"distill.ipc": ipc} for ipc in (1, 2, 5, 10, 20, 50)]
FAIR = [
    DM | {"mitigate.fair.form": "balanced"},
    DM | {"mitigate.fair.form": "barycentre"},
    DM | {"mitigate.fair.form": "fairdd", "distill.lr": 0.1},
] + [
    DM | {"mitigate.fair.form": "dro", "mitigate.fair.eta": eta}
    for eta in (0.001, 0.01, 0.1)
]
ATTACKED = [DM | {"mitigate.robust.eps": eps} for eps in (0.02, 0.1)]
ADVERSARIAL = [DM | {"train.adversarial.eps": eps} for eps in (0.02, 0.1)]
PLAIN_DSA = [DSA | {"distill.ipc": ipc, "distill.lr": 0.01 * ipc} for ipc in (2, 5)]
CURVATURE = [DSA | {"mitigate.curvature.weight": w} for w in (0.0, 0.1, 1.0)]
NOISE = DM | {"distill.init": "noise", "distill.steps": 500}
PLAIN_NOISE = [
    NOISE | {"distill.ipc": ipc, "distill.lr": 3.0 * ipc, "distill.steps": steps}
    for ipc, steps in ((1, 100), (1, 500), (2, 500), (10, 500))
]
PRIVATE = [NOISE | {"dp.epsilon": epsilon, "dp.delta": 1e-4} for epsilon in (1.0, 8.0)]


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
            "audits.robustness.images": 100,
            "audits.robustness.nets": 2,
            "audits.robustness.queries": 1000,
            "audits.memorisation.enabled": False,
            "audits.quantization.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Mitigation by mitigation, each from its weakest to its strongest."""
    robust = [*ATTACKED, *ADVERSARIAL, *PLAIN_DSA, *CURVATURE]
    return [*PLAIN, *FAIR, *robust, *PLAIN_NOISE, *PRIVATE]
