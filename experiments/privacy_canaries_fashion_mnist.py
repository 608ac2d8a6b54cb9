"""How much the worst-off rows of Fashion-MNIST leak: audit rows beside a fixed bulk.

  python launch.py --config=experiments/privacy_canaries_fashion_mnist.py \
      --config.data.source=idx:DIR

DIR holds the four MNIST-format files, such as the folder that Debian's package
dataset-fashion-mnist installs: /usr/share/datasets/fashion-mnist.

The protocol of `privacy_canaries_digits.py` on 6,000 rows: 16 shadows with the same
bulk, and 60 audit rows of each kind, each in half of them. DM and MTT at 10 images a
class from real rows, noise and public images (digits, enlarged), and private DM
(epsilon 8) with DP-SGD beside.

Time: 62 minutes on two CPU cores, beside other work.
Expect AUC (T0, RMIA) 0.56 where DM starts from real rows, 0.66 where MTT does and 0.86
for a random subset; from noise and public images there is nothing to attack. T1 and T2
are near guessing for all sets (0.49 to 0.51); T2 is 0.55 on the full data and 0.53 for
DP-SGD. DM has 76.8 % from real rows, 72.3 % from public images and 71.6 % from noise,
private DM 74.6 and 73.9 % from these, DP-SGD 77.6 % at the same epsilon. MTT takes a
twentieth of the steps of fashion_mnist_methods, which from noise and public images is
too few: 53.2 and 45.0 %, for 72.9 % from real rows.
Records: experiments/results/privacy_canaries_fashion_mnist.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.config.sweep import Point, product

AUGMENT = "color_crop_cutout_flip_scale_rotate"
PUBLIC = "public:digits"
RECIPES = {
    "dm": {"distill.steps": 100, "distill.lr": 5.0, "distill.batch_real": 128},
    "mtt": {
        "distill.steps": 30,
        "distill.lr": 200.0,
        "distill.mtt.experts": 2,
        "distill.mtt.max_start": 3,
        "distill.mtt.student_steps": 10,
        "distill.mtt.student_lr": 0.02,
        "distill.mtt.lr_lr": 1e-6,
    },
}
PRIVATE = {
    "distill.method": "dm",
    "distill.steps": 500,
    "dp.epsilon": 8.0,
    "dp.releases": 200,
    "dp.batch": 600,
    "dp.sgd.epochs": 10,
}


def get_config() -> ConfigDict:
    """The worst-case audit; the sweep sets methods and initial images."""
    return config.override(
        config.default(),
        {
            "data.source": "idx:/usr/share/datasets/fashion-mnist",
            "data.rows": 6000,
            "model.width": 16,
            "distill.augment": AUGMENT,
            "distill.public.classes": "free",
            "train.epochs": 100,
            "train.nets": 3,
            "train.lr": 0.03,
            "train.augment": AUGMENT,
            "train.full_epochs": 5,
            "audits.privacy.protocol": "canaries",
            "audits.privacy.threats": ("t0", "t1", "t2"),
            "audits.privacy.shadows": 16,
            "audits.privacy.canaries": 60,
            "audits.privacy.canary_kinds": (
                "mislabelled",
                "out_of_distribution",
                "near_duplicate",
                "hardest",
            ),
            "audits.privacy.scores": ("lira_online", "bavaria", "rmia", "loss"),
            "audits.privacy.epochs": 50,
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
