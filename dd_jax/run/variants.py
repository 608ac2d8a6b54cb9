"""Variants of a run, with some config keys changed, for comparison with it."""

from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import names
from dd_jax.distill.io import storage
from dd_jax.run import stages
from dd_jax.run.cached import run_dir
from dd_jax.run.context import RunContext, build_context, usual
from dd_jax.run.keys_of_methods import not_taken
from dd_jax.run.mitigated import OFF, unsupported
from dd_jax.run.taught import own_labels
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import named
from dd_jax.types import InputError, Model, Params, SyntheticSet

_NO_SHADOWS = {"audits.transfer.enabled": False, "audits.privacy.enabled": False}


def undefended_networks(run: RunContext, networks: Params) -> Params:
    """Networks on the full data that were not trained against attacks.

    Args:
      run: the run.
      networks: its own on the full data, returned where its recipe has no adversarial
        training.
    """
    if not run.config.train.adversarial.eps:
        return networks
    changes = {"train.adversarial.eps": 0.0}
    config = configs.override(run.config, changes, "undefended")
    plain = build_context(config, run.folder, run.cache)._replace(cost=run.cost)
    return stages.networks_on_full_data(plain)


def transfer_variants(config: ConfigDict) -> dict[str, dict[str, Any]]:
    """What the transfer audit compares with the run: name -> changes of the config.

    Other architectures learn from the run's sets; other methods distil a set each, and
    sets made elsewhere are trained on by the run's recipe.

    Raises:
      InputError: one name for an architecture and a method.
    """
    audit = config.audits.transfer
    if not audit.enabled:
        return {}
    if twice := set(audit.architectures) & set(audit.methods):
        raise InputError(
            f"audits.transfer: {min(twice)} is an architecture and a method; results "
            "go by name, so take one of them"
        )
    each = _NO_SHADOWS | {"train.nets": config.audits.robustness.nets}
    own = own_labels()
    return (
        {name: each | own | {"model.name": name} for name in audit.architectures}
        | {
            name: each
            | {"distill.method": name, "distill.load": "", "sets": 1}
            | unsupported(config, name)
            | not_taken(config, name)
            | (own if usual(name, "lr_labels", 0.0) else {})
            | ({} if config.distill.factor > 1 else {"distill.multi": False})
            | _own_settings(config, name)
            for name in audit.methods
        }
        | {
            f"set {i}, {_maker(path)}": each
            | own
            | {"distill.load": path, "sets": 1}
            | OFF
            for i, path in enumerate(audit.sets, 1)
        }
    )


def _own_settings(config: ConfigDict, name: str) -> dict[str, Any]:
    """Of another method its own learning rates."""
    if name == config.distill.method:
        return {}
    return {"distill.lr": 0.0, "distill.lr_labels": 0.0}


def variant_networks(
    run: RunContext, sets: SyntheticSet
) -> dict[str, tuple[Model, Params]]:
    """Architecture and networks of each of `transfer_variants`.

    Args:
      run: the run.
      sets: its synthetic sets, from which other architectures learn.
    """
    return {
        name: _networks(run, name, changes, sets)
        for name, changes in transfer_variants(run.config).items()
    }


def _networks(
    run: RunContext, name: str, changes: dict, sets: SyntheticSet
) -> tuple[Model, Params]:
    """Networks of a variant: on the run's sets, or on a set of its own."""
    variant = _varied(run, f"transfer {name}", changes)
    if "model.name" not in changes:
        sets, _ = stages.synthetic_sets(variant)
    params = stages.networks_on_sets(variant, sets)
    run.cost.count("transfer", variant.folder, sum(variant.cost.seconds.values()))
    return variant.model, jax.tree.map(np.asarray, params)


def _varied(run: RunContext, name: str, changes: dict[str, Any]) -> RunContext:
    """The run with other values of some keys, and draws, costs and a folder of its own.

    Args:
      run: the run.
      name: of the variant, from which its keys and its folder follow.
      changes: dotted config keys and their values.
    """
    config = configs.override(run.config, changes, name)
    return build_context(config, run_dir(run, name), run.cache)._replace(
        key=lambda purpose: named(run.key(name), purpose), cost=Cost()
    )


def _maker(path: str) -> str:
    """The method that made a set, as far as the set tells."""
    return made_by(storage.load(path).metadata)[0] or "unknown method"


def made_by(metadata: dict | None) -> tuple[str | None, str | None]:
    """Method and initialisation that a set says it was made by, where we know them.

    Other names are dropped: text of an untrusted set does not enter a table.

    >>> made_by({"config": {"distill": {"method": "dm", "init": "| real |"}}})
    ('dm', None)
    """
    made = (metadata or {}).get("config", {}).get("distill", {})
    method, init = made.get("method"), made.get("init")
    known, starts = names("method"), names("init")
    return method if method in known else None, init if init in starts else None
