"""How much the worst-off rows of digits leak: audit rows beside a fixed bulk.

  python launch.py --config=experiments/privacy_canaries_digits.py

DM and MTT at 10 images a class from real rows, noise and public images (Fashion-MNIST,
8x8), and DM with differential privacy (epsilon 8) from noise and public images. 32
shadows have the same bulk; 40 audit rows of each kind (mislabelled, uniform noise,
near-duplicated, hardest by EL2N) are each in half of them. The attacker has the initial
images (T0), the released set (T1) or one network (T2). A random subset, the full data
and, for the private sets, DP-SGD at the same epsilon beside.

Time: 74 minutes on two CPU cores, beside other work.
Expect AUC (T0, RMIA) 0.86 where DM starts from real rows, as of a random subset (0.88),
and 0.54 where MTT does; from noise and public images there is nothing to attack. T1 is
0.54 for DM from real rows and at most 0.52 for all other sets; T2 is 0.74 on the full
data and 0.57 for DP-SGD. Public images in place of real rows cost accuracy, 51.7 for
93.8 % (DM) and 77.4 for 88.6 % (MTT), but not in the private form, 88.1 %, which starts
from either noise or them; DP-SGD has 81.1 % at the same epsilon.
Records: experiments/results/privacy_canaries_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

PUBLIC = "public:idx:/usr/share/datasets/fashion-mnist"
RECIPES = {
    "dm": {"distill.steps": 100, "distill.batch_real": 128},
    "mtt": {
        "distill.steps": 60,
        "distill.lr": 100.0,
        "distill.mtt.experts": 2,
        "distill.mtt.expert_lr": 0.1,
        "distill.mtt.max_start": 3,
        "distill.mtt.student_lr": 0.03,
        "distill.mtt.lr_lr": 0.02,
    },
}
PRIVATE = {
    "distill.method": "dm",
    "distill.steps": 500,
    "dp.epsilon": 8.0,
    "dp.delta": 1e-4,
    "dp.releases": 200,
    "dp.batch": 256,
    "dp.sgd.epochs": 30,
}


def get_config() -> ConfigDict:
    """The worst-case audit; the sweep sets methods and initial images."""
    return config.override(
        config.default(),
        {
            "model.width": 16,
            "distill.public.classes": "free",
            "train.epochs": 150,
            "train.lr": 0.1,
            "train.full_epochs": 30,
            "audits.privacy.protocol": "canaries",
            "audits.privacy.threats": ("t0", "t1", "t2"),
            "audits.privacy.shadows": 32,
            "audits.privacy.canaries": 40,
            "audits.privacy.canary_kinds": (
                "mislabelled",
                "out_of_distribution",
                "near_duplicate",
                "hardest",
            ),
            "audits.privacy.scores": ("lira_online", "bavaria", "rmia", "loss"),
            "audits.privacy.epochs": 60,
            "audits.robustness.enabled": False,
        },
        __name__,
    )


def sweep() -> list[Point]:
    """Plain sets, then private ones, which see no row outside their releases."""
    inits = {"distill.init": ["real", "noise", PUBLIC]}
    plain = product({"distill.method": list(RECIPES)} | inits)
    private = product({"distill.init": ["noise", PUBLIC]})
    return [p | RECIPES[p["distill.method"]] for p in plain] + [
        p | PRIVATE for p in private
    ]
