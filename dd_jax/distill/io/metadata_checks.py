"""Checks of the metadata of a set, which are untrusted."""

import json
from typing import Any

from dd_jax.data.labels import is_class_name
from dd_jax.types import InputError

_LONGEST_JSON = 2**24  # characters
_DEEPEST_JSON = 50


def parse(text: str) -> Any:
    """Parses untrusted JSON: neither too long nor too deep, without NaN.

    Raises:
      ValueError: it is not JSON, or more than any set has to say.
    """
    if len(text) > _LONGEST_JSON:
        raise ValueError(f"metadata of {len(text)} characters")
    try:
        found = json.loads(text, parse_constant=lambda name: None)
    except RecursionError:
        raise ValueError("metadata nested too deeply") from None
    level, depth = [found], 0
    while level:
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = [n for nodes in inner for n in nodes if isinstance(n, dict | list)]
        depth += 1
        if depth > _DEEPEST_JSON:
            raise ValueError(f"metadata nested more than {_DEEPEST_JSON} times")
    return found


def check(path: object, metadata: Any) -> None:
    """Refuses metadata that no set has, above all names that could alter a page.

    Args:
      path: of the set, which an error message names.
      metadata: as `parse` gives it.

    Raises:
      InputError: parts of other types, class names that are not one line of text.
    """
    made = metadata.get("config", {}) if isinstance(metadata, dict) else None
    parts = ("distill", "train")
    if not isinstance(made, dict) or not all(
        isinstance(made.get(part, {}), dict) for part in parts
    ):
        raise InputError(
            f"{path}: metadata, its config, distill and train should be JSON objects"
        )
    maker = made.get("distill", {})
    if not all(isinstance(maker.get(key, ""), str) for key in ("method", "init")):
        raise InputError(
            f"{path}: method and init of metadata.config.distill should be names"
        )
    names = metadata.get("class_names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: metadata.class_names should be a list of names")
    for name in names:
        if not is_class_name(name):
            raise InputError(
                f"{path}: metadata.class_names has {ascii(name)[:80]}; names "
                "of one line, 1 to 255 characters, are needed"
            )
    stored = metadata.get("stored_images", 1)
    if type(stored) is not int or stored < 1:
        raise InputError(
            f"{path}: metadata.stored_images is {stored!r}; a number above 0 is needed"
        )
