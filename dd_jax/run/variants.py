"""The same run with some of its choices changed, to stand beside it."""

from typing import Any

from ml_collections import ConfigDict

from dd_jax import config as configs
from dd_jax.catalogue import names
from dd_jax.distill.io import storage
from dd_jax.run.cached import own
from dd_jax.run.context import Parts, matches
from dd_jax.run.context import parts as build_parts
from dd_jax.runtime.cost import Cost
from dd_jax.runtime.keys import named

_ALONE = {"audits.transfer.enabled": False, "audits.privacy.enabled": False}


def undefended(parts: Parts) -> Parts:
    """The run without training against attacks; itself where there is none."""
    if not parts.config.train.adversarial.eps:
        return parts
    changes = {"train.adversarial.eps": 0.0}
    config = configs.override(parts.config, changes, "undefended")
    return build_parts(config, parts.folder, parts.cache)._replace(cost=parts.cost)


def others(config: ConfigDict) -> dict[str, dict[str, Any]]:
    """What the transfer audit puts beside the run: name -> changes of the config.

    Other architectures learn from the run's sets; other methods distil a set each, and
    sets made elsewhere are trained on by the run's recipe.
    """
    audit = config.audits.transfer
    if not audit.enabled:
        return {}
    each = _ALONE | {"train.nets": config.audits.robustness.nets}
    return (
        {name: each | {"model.name": name} for name in audit.architectures}
        | {
            name: each
            | {"distill.method": name, "distill.load": "", "sets": 1}
            | ({} if matches(name) else {"mitigate.robust.eps": 0.0})
            | ({} if config.distill.factor > 1 else {"distill.multi": False})
            for name in audit.methods
        }
        | {
            f"set {i}, {_maker(path)}": each | {"distill.load": path, "sets": 1}
            for i, path in enumerate(audit.sets, 1)
        }
    )


def _maker(path: str) -> str:
    """The method that made a set, as far as the set tells."""
    return made_by(storage.load(path).metadata)[0] or "unknown method"


def made_by(metadata: dict | None) -> tuple[str | None, str | None]:
    """Method and initialisation that a set says it was made by, where we know them.

    What a stranger's set calls itself is no name for a row of a table.

    >>> made_by({"config": {"distill": {"method": "dm", "init": "| real |"}}})
    ('dm', None)
    """
    made = (metadata or {}).get("config", {}).get("distill", {})
    method, init = made.get("method"), made.get("init")
    known, starts = names("method"), names("init")
    return method if method in known else None, init if init in starts else None


def varied(parts: Parts, name: str, changes: dict[str, Any]) -> Parts:
    """The run with other values of some keys, and draws, costs and a folder of its own.

    Args:
      parts: of the run.
      name: of the variant, from which its keys and its folder follow.
      changes: dotted config keys and their values.
    """
    config = configs.override(parts.config, changes, name)
    return build_parts(config, own(parts, name), parts.cache)._replace(
        key=lambda purpose: named(parts.key(name), purpose), cost=Cost()
    )
