"""How much a packed file may unpack to, whatever it says of itself."""

from dd_jax.memory import free

_SMALL = 2**26  # bytes that are read however well they are packed
_PACKED = 200  # times that more may be smaller on disk; images: ten at most


def excess(size: int, stored: int) -> str | None:
    """What speaks against unpacking so many bytes from a file of so many; None is fine.

    >>> excess(2**30, 2**20)
    '1 GiB packed into 1 MiB, which is smaller than any images pack'
    """
    if size > max(_SMALL, _PACKED * stored):
        return (
            f"{in_words(size)} packed into {in_words(stored)}, which is smaller than "
            "any images pack"
        )
    if size > (available := free()):
        return f"it unpacks to {in_words(size)}, and {in_words(available)} are free"
    return None


def in_words(size: int) -> str:
    """A number of bytes for reading.

    >>> in_words(1536), in_words(10 * 2**30)
    ('1.5 KiB', '10 GiB')
    """
    amount, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.3g} {unit}"
