"""What the catalogue says of a distillation method."""

from dd_jax.catalogue.lookup import entry


def selects(method: str) -> bool:
    """Whether a method takes real images and learns none.

    >>> selects("herding"), selects("dm")
    (True, False)
    """
    return entry("method", method).traits.get("selects", False)


def matches_real(method: str) -> bool:
    """Whether a method matches real images, which can be attacked for it.

    >>> matches_real("dm"), matches_real("mtt"), matches_real("herding")
    (True, False, False)
    """
    return entry("method", method).traits.get("matches_real", True)
