"""What a program consists of, for laws on programs that are not run."""

from collections import Counter

import jax
from jax.extend.core import Jaxpr


def operations(jaxpr):
    """Every operation of a program, those within loops and branches among them."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    for operation in jaxpr.eqns:
        yield operation
        for leaf in jax.tree.leaves(operation.params):
            if isinstance(getattr(leaf, "jaxpr", leaf), Jaxpr):
                yield from operations(leaf)


def counts(jaxpr):
    """How often each primitive stands in a program."""
    return Counter(operation.primitive.name for operation in operations(jaxpr))


def loops(jaxpr):
    """Lengths of its loops, 0 for one whose length is found as it runs."""
    return sorted(
        operation.params.get("length", 0)
        for operation in operations(jaxpr)
        if operation.primitive.name in ("scan", "while")
    )
