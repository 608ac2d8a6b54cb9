"""The config keys that parts of a run follow from, by which runs share them.

Keys are given by how they start, as `config.run_id` takes them.
"""

from dd_jax.config.fields import fields

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
_TRACED = ("seed", "distill.init")  # inputs of compiled programs, of one shape each


def static_keys() -> tuple[str, ...]:
    """The keys that compiled programs follow from: all but those of their inputs.

    >>> "seed" in static_keys(), "distill.ipc" in static_keys()
    (False, True)
    """
    return tuple(key for key in fields() if key not in _TRACED)
