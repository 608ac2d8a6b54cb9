"""One line to whoever watches a program, beside its progress bars."""

import sys

from tqdm import tqdm


def notice(text: str) -> None:
    """Prints a line to stderr at once, above any progress bar."""
    tqdm.write(" ".join(text.split()), file=sys.stderr)
    sys.stderr.flush()
