"""The config keys that parts of a run follow from, by which runs share them.

Keys are given by how they start, as `config.run_id` takes them.
"""

_ALWAYS = ("seed", "precision", "model.", "train.batch", "train.augment")
_NETWORKS = (*_ALWAYS, "train.lr", "train.decay", "train.cutmix", "train.adversarial")
_PRIVACY = tuple(f"audits.privacy.{key}" for key in ("shadows", "targets", "canaries"))
PARTS = {
    "random_subset": (
        *_NETWORKS,
        "distill.ipc",
        "distill.load",
        "train.nets",
        "train.epochs",
    ),
    "full_data": (*_NETWORKS, "train.full"),
    "experts": _ALWAYS,
    "random_subset_shadows": (
        *_NETWORKS,
        *_PRIVACY,
        "audits.privacy.epochs",
        "distill.ipc",
    ),
    "full_data_shadows": (*_NETWORKS, *_PRIVACY, "train.full_epochs"),
}
STATIC = ("", "-seed", "-distill.init")  # all but inputs of one shape of programs
