"""Messages to the user on stderr, beside progress bars."""

import sys
from contextlib import suppress

from tqdm import tqdm


def notice(text: str) -> None:
    """Prints a line to stderr at once, where that can be written, above any bar."""
    with suppress(OSError):
        tqdm.write(" ".join(text.split()), file=sys.stderr)
        sys.stderr.flush()
