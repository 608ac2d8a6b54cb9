"""Paths that a user gives: `~`, names that are no text, and why one cannot be read."""

import errno
import os
import stat
import unicodedata
from pathlib import Path

from dd_jax.types import InputError

NO_FILE, NO_FOLDER = "no such file", "no such folder"
IS_FILE, IS_FOLDER = "is a file", "is a folder"
NOTHING = (NO_FILE, NO_FOLDER, "is a link to nothing", "is a loop of links")
_LONGEST = 255  # bytes of a name, on almost all file systems
_BREAKS = ("Cc", "Zl", "Zp")  # categories of control characters and line breaks


def expanded(path: str | Path) -> Path:
    """A path with a leading `~` or `~NAME` replaced, where that home is known.

    What `./~` leads to is given from the root, so that it cannot be taken for a home.

    >>> expanded("a/~b"), expanded("~nobody-of-this-name/a")
    (PosixPath('a/~b'), PosixPath('~nobody-of-this-name/a'))
    """
    place = Path(os.path.expanduser(path))
    here = str(place).startswith("~") and not str(path).startswith("~")
    return place.absolute() if here else place


def check_text(name: str, where: str = "") -> None:
    """Refuses a name that results could not show, or that this locale misreads.

    Args:
      name: as the command line, a config or a folder gave it.
      where: what an error message starts with.

    Raises:
      InputError: bytes that are not UTF-8, control characters, or line breaks.
    """
    try:
        found = os.fsencode(name).decode()
    except UnicodeEncodeError:  # text, but not of this locale
        found = None
    except UnicodeDecodeError:
        raise InputError(
            f"{where}{name!r} is not UTF-8 text, which results could not name; "
            "rename it"
        ) from None
    if found != name:
        raise InputError(
            f"{where}{name!r} cannot be read in this locale; set PYTHONUTF8=1"
        )
    if any(unicodedata.category(character) in _BREAKS for character in name):
        raise InputError(
            f"{where}{name!r} holds control characters or line breaks, which results "
            "could not show; rename it"
        )


def no_file(path: str | Path) -> str:
    """Why no regular file can be read there, empty if one can.

    >>> no_file("/"), no_file("/nowhere"), no_file("/dev/null")
    ('is a folder', 'no such file', 'is a pipe, a socket or a device')
    """
    mode, why = _mode(path)
    if mode is None:
        return why or NO_FILE
    if stat.S_ISDIR(mode):
        return IS_FOLDER
    if not stat.S_ISREG(mode):
        return "is a pipe, a socket or a device"
    return "" if os.access(path, os.R_OK) else "no permission to read it"


def no_folder(path: str | Path) -> str:
    """Why no folder can be read there, empty if one can.

    >>> no_folder("/nowhere"), no_folder("/dev/null"), no_folder("/")
    ('no such folder', 'is a file', '')
    """
    mode, why = _mode(path)
    if mode is None:
        return why or NO_FOLDER
    if not stat.S_ISDIR(mode):
        return IS_FILE
    return "" if os.access(path, os.R_OK | os.X_OK) else "no permission to read it"


def not_writable(folder: str | Path) -> str:
    """Why no file can be put in a folder, empty if one can.

    >>> not_writable("/nowhere"), not_writable("/tmp")
    ('no such folder', '')
    """
    return no_folder(folder) or ("" if os.access(folder, os.W_OK) else "is read-only")


def _mode(path: str | Path) -> tuple[int | None, str]:
    """The type of what a path leads to; None with the reason, empty for nothing."""
    try:
        return os.stat(path).st_mode, ""
    except FileNotFoundError:
        if os.path.islink(path):
            return None, NOTHING[2]
        names = os.fsencode(path).split(os.fsencode(os.sep))
        long = max(map(len, names)) > _LONGEST
        return None, f"has a name of more than {_LONGEST} bytes" if long else ""
    except OSError as error:
        looping = error.errno == errno.ELOOP
        return None, NOTHING[3] if looping else reason(error)
    except ValueError:
        return None, "has a name that no file can have"


def reason(error: OSError) -> str:
    """Why the system refused something, such as `permission denied`."""
    words = error.strerror or str(error) or type(error).__name__
    return words[0].lower() + words[1:]


def describe_error(error: OSError) -> str:
    """The file that an error is about, and why.

    >>> describe_error(PermissionError(13, "Permission denied", "results.jsonl"))
    'results.jsonl: permission denied'
    """
    named = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return named + reason(error)
