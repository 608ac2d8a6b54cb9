"""Nested configs as plain dicts with dotted keys, and their copies."""

from typing import Any

from ml_collections import ConfigDict, FieldReference


def flat(config: ConfigDict) -> dict[str, Any]:
    """The same config with dotted keys, such as `{'distill.ipc': 10, ...}`."""
    pairs: dict[str, Any] = {}
    for key, value in _own(config).items():
        if isinstance(value, ConfigDict):
            for inner, leaf in flat(value).items():
                pairs[f"{key}.{inner}"] = leaf
        else:
            pairs[key] = _value(value)
    return pairs


def copied(config: ConfigDict) -> ConfigDict:
    """A copy, locked against new keys, with values in place of references."""
    copy = ConfigDict(type_safe=config.is_type_safe)
    _own(copy).update(
        (key, copied(value) if isinstance(value, ConfigDict) else _value(value))
        for key, value in _own(config).items()
    )
    return copy.lock()


def _own(config: ConfigDict) -> dict[str, Any]:
    """The dict inside: what is public checks every key, in five times the time."""
    return vars(config)["_fields"]


def _value(leaf: Any) -> Any:
    return leaf.get() if isinstance(leaf, FieldReference) else leaf
