"""Nested configs as plain dicts with dotted keys, and their copies."""

from typing import Any

from ml_collections import ConfigDict, FieldReference


def flat(config: ConfigDict) -> dict[str, Any]:
    """The same config with dotted keys, such as `{'distill.ipc': 10, ...}`."""
    pairs: dict[str, Any] = {}
    _collect(config, "", pairs)
    return pairs


def _collect(node: ConfigDict, prefix: str, pairs: dict[str, Any]) -> None:
    for key, value in _own(node).items():
        if isinstance(value, ConfigDict):
            _collect(value, f"{prefix}{key}.", pairs)
        else:
            pairs[prefix + key] = _value(value)


def copied(config: ConfigDict) -> ConfigDict:
    """A copy, locked against new keys, with values in place of references."""
    return _copied(config).lock()


def _copied(node: ConfigDict) -> ConfigDict:
    copy = ConfigDict(type_safe=node.is_type_safe)
    inner = _own(copy)
    for key, value in _own(node).items():
        inner[key] = _copied(value) if isinstance(value, ConfigDict) else _value(value)
    return copy


def _own(config: ConfigDict) -> dict[str, Any]:
    """The dict inside: what is public checks every key, in five times the time."""
    return vars(config)["_fields"]


def _value(leaf: Any) -> Any:
    return leaf.get() if isinstance(leaf, FieldReference) else leaf
