"""Do adversarial images transfer between architectures, methods and training data?

  python launch.py --config=experiments/transfer_digits.py

PGD's images at Linf 0.1 (20 steps) of networks on DM's set of digits at 10 images a
class, on random subsets and on the full data, of an MLP and a LeNet on DM's set, and of
networks on sets of DSA and of herding, each classified by all others: 3 networks of
each, 300 test images. The table of a finished run:
`python -m dd_jax.report runs_out/transfer_digits --transfer`.

Time: a few minutes on two CPU cores.
Expect: ConvNets on DM's set (95.0 % clean) keep 49.0 % under their own images, 74.3 %
under those of other networks on the same set, 75.1 to 78.1 % under those of ConvNets on
other data, 78.6 and 79.3 % under those of an MLP and a LeNet.
Record: experiments/results/transfer_digits.jsonl.
"""

from ml_collections import ConfigDict

from dd_jax import config


def get_config() -> ConfigDict:
    """The quick start without membership, with other networks beside it."""
    return config.override(
        config.default(),
        {
            "train.nets": 3,
            "train.full_nets": 3,
            "audits.privacy.enabled": False,
            "audits.memorisation.enabled": False,
            "audits.robustness.attacks": ("fgsm", "pgd_linf"),
            "audits.robustness.eps_linf": (0.0, 0.1),
            "audits.robustness.images": 300,
            "audits.robustness.nets": 3,
            "audits.transfer.enabled": True,
            "audits.transfer.architectures": ("mlp", "lenet"),
            "audits.transfer.methods": ("dsa", "herding"),
        },
        __name__,
    )
