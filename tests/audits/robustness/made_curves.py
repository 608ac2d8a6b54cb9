"""Curves of given accuracies, for tests of what is made of them."""

import numpy as np

from dd_jax.audits.robustness import Curve


def made(accuracies, eps, *, steps, clean=0.9, norm="linf", n=100, kind="ascent"):
    """A curve of one network on n images, with the given accuracies."""
    first = lambda share: np.arange(n) < round(share * n)
    return Curve(
        [{"eps": e, "norm": norm, "steps": steps} for e in eps],
        first(clean)[None],
        np.stack([first(a) for a in accuracies])[None],
        np.zeros((1, len(eps))),
        kind=kind,
    )


def of_remaining(given, left):
    """An attack at Linf 0.1 on a share of the images, and the share that it leaves."""
    return made([left], [0.1], steps=100, clean=given)
