"""One synthetic set on every architecture.

  python launch.py --config=experiments/cross_architecture.py \
      --config.distill.load=runs_out/quickstart/runs/RUN_ID/synthetic.npz

Trains networks of each registered architecture on the set, on random subsets of its
size and on the full data, and puts all in one table: `report.html` of the work
directory, or `python -m dd_jax.report runs_out/cross_architecture --markdown`. The same
command with another set adds it to the table. With another data set, add its
`--config.data.source` and the augmentation of its recipe. One architecture:
`--config.model.name=alexnet`.

AlexNet, VGG-11 and the ResNets get fewer epochs, in smaller batches; those of VGG-11
and the ResNets show little more than whether they learn. VGG-11 has a lower learning
rate, without which its training loss does not fall; a set that learned a learning rate,
as MTT's do, keeps it.

Time: 10 minutes on two free CPU cores for a set of digits.
Expect, at 10 images a class: of DM's set 95 % (ConvNet), 90 (MLP), 78 (LeNet), 93
(AlexNet), 93 (VGG-11), 94 and 74 % (ResNets); of MTT's 95, 91, 92, 93, 10, 92 and 64 %;
of random subsets 94, 88, 85, 89, 90, 93 and 69 %.
Records: experiments/results/cross_architecture.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config
from dd_jax.catalogue import names
from dd_jax.config.sweep import Point

QUICK = ("convnet", "mlp", "lenet")
SLOW = {
    "train.nets": 2,
    "train.epochs": 15,
    "train.batch": 10,
    "train.full_epochs": 2,
}
OF_ONE = {
    "alexnet": {"train.nets": 3, "train.epochs": 60, "train.full_epochs": 10},
    "vgg11": {"train.lr": 1e-3},
}


def get_config() -> ConfigDict:
    """Accuracy and fairness only; the set comes by `distill.load`."""
    return config.override(
        config.default(),
        {
            "train.nets": 3,
        }
        | config.only_audits("calibration", "fairness"),
        __name__,
    )


def sweep() -> list[Point]:
    """Every architecture."""
    return [
        {"model.name": name} | ({} if name in QUICK else SLOW) | OF_ONE.get(name, {})
        for name in sorted(names("model"), key=lambda name: name not in QUICK)
    ]
