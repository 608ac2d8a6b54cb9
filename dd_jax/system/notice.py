"""Messages to the user on stderr, beside progress bars."""

import sys
from contextlib import suppress

from tqdm import tqdm

from dd_jax.system.one_line import one_line


def notice(text: str) -> None:
    """Prints a line to stderr at once, where that can be written, above any bar."""
    with suppress(OSError):
        tqdm.write(one_line(text), file=sys.stderr)
        sys.stderr.flush()
