r"""Texts without the paths in them: no folder, user or host is named.

Paths of other systems count too: a card may be made elsewhere than its run.
"""

import re
from typing import Any

_HOMES = ("home", "homes", "users", "user", "documents and settings")
_PATH = re.compile(
    r"://|/.*/"  # of a host, of several folders
    r"|(^|[\s:=,;'\"(\[])(/|~|\\\\|[A-Za-z]:\\)"  # root, home, share, drive
    rf"|(^|[\s:\\])({'|'.join(_HOMES)})[/\\]",
    re.IGNORECASE | re.DOTALL,
)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def without_paths(value: Any) -> Any:
    """Parsed JSON, each text in it that holds a path cut to the path's last part.

    >>> without_paths({"dataset": "folder:/home/ada/pets", "class": "cat/dog"})
    {'dataset': 'folder:pets', 'class': 'cat/dog'}
    """
    if isinstance(value, str):
        return last_part(value) if _PATH.search(value) else value
    if isinstance(value, dict):
        return {without_paths(k): without_paths(item) for k, item in value.items()}
    return [without_paths(item) for item in value] if isinstance(value, list) else value


def last_part(text: str) -> str:
    r"""The last part of a path, what stands before its first colon kept.

    Empty where that part names a user or a host, or may lead to one.

    >>> last_part(r"npz:C:\Users\ada\scans.npz"), last_part("folder:/home/ada/")
    ('npz:scans.npz', 'folder:')
    >>> last_part(r"public:idx:\\host\share\mnist"), last_part("/home/ada/ada_pets")
    ('public:idx:mnist', '')
    >>> last_part("folder:/root"), last_part("folder:/root/pets")
    ('folder:', 'folder:pets')
    """
    before, colon, rest = text.partition(":")
    if colon and not re.search(r"[\\/~]", before) and not _DRIVE.match(text):
        return f"{before}:{last_part(rest)}"
    parts = [part for part in re.split(r"[\\/]", text) if part not in ("", ".")]
    if not parts or ".." in parts:
        return ""
    hidden = [a for b, a in zip(parts, parts[1:]) if b.strip().casefold() in _HOMES]
    hidden += [part for part in parts if part.startswith("~")]
    hidden += parts[:1] if text.startswith(("//", r"\\")) else []
    hidden += parts[:1] if parts[0] == "root" and text.startswith("/") else []
    last = parts[-1]
    return "" if any(name.casefold() in last.casefold() for name in hidden) else last
