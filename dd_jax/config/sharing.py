"""The config keys that parts of a run follow from, by which runs share them.

Keys are given by how they start, as `config.run_id` takes them.
"""

from ml_collections import ConfigDict

from dd_jax.catalogue import entry
from dd_jax.config.nested import flat

_ALWAYS = ("seed", "precision", "model.", "train.batch", "train.augment")
_NETWORKS = (*_ALWAYS, "train.lr", "train.decay", "train.cutmix", "train.adversarial")
_CANARIES = ("audits.privacy.canaries", "audits.privacy.canary_kinds")
_PRIVACY = (
    *(f"audits.privacy.{key}" for key in ("shadows", "targets", "protocol")),
    *_CANARIES,
)
_DP_SGD = ("dp.epsilon", "dp.delta", "dp.sgd.")
PARTS = {
    "data": (),
    "random_subset": (*_NETWORKS, "distill.ipc", "train.nets", "train.epochs"),
    "full_data": (*_NETWORKS, "train.full"),
    "experts": (*_ALWAYS, "mitigate.curvature."),
    "early_networks": (*_NETWORKS, "train.full_epochs"),
    "random_subset_shadows": (
        *_NETWORKS,
        *_PRIVACY,
        "audits.privacy.epochs",
        "distill.ipc",
        "train.full_epochs",  # the hardest rows follow from it
    ),
    "full_data_shadows": (*_NETWORKS, *_PRIVACY, "train.full_epochs"),
    "dp_sgd": (*_NETWORKS, *_DP_SGD, "train.full_nets"),
    "dp_sgd_shadows": (*_NETWORKS, *_DP_SGD, *_PRIVACY, "train.full_epochs"),
}
_SHARED = {"lr": "distill.lr", "lr_labels": "distill.lr_labels", "train_lr": "train.lr"}


def canary_keys(config: ConfigDict) -> tuple[str, ...]:
    """The keys that canaries follow from."""
    by_networks = "hardest" in config.audits.privacy.canary_kinds
    return (*_CANARIES, *PARTS["early_networks"]) if by_networks else _CANARIES


def shadow_keys(config: ConfigDict) -> tuple[str, ...]:
    """Further keys that experts and teachers of shadows follow from."""
    return (*_PRIVACY, *canary_keys(config))


def audit_keys(audit: str) -> tuple[str, ...]:
    """Further keys that what an audit finds of a baseline follows from.

    Attacks on a baseline may use a network on the full data.
    """
    return (f"audits.{audit}.", "train.full")


def static_keys(config: ConfigDict) -> tuple[str, ...]:
    """The keys that compiled programs follow from: all but their inputs of one shape.

    Inputs are the seed, the initial images, and the hyper-parameters that the method
    says are traced; a 0 is a constant: it switches something off, or stands for the
    default of the method.
    """
    method = entry("method", config.distill.method)
    names = method.traits.get("traced", ())
    keys = (_SHARED.get(name, method.prefix + name) for name in names)
    values = flat(config)
    return ("", "-seed", "-distill.init", *(f"-{key}" for key in keys if values[key]))
