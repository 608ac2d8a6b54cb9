"""Holm's correction where of two hypotheses of a test at most one can be true."""

from collections.abc import Sequence


def adjusted(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """p-values of pairs of hypotheses, adjusted over all of them.

    Each test has two null hypotheses that exclude each other (`effect <= 0` and
    `effect >= smallest of interest`). In the order of the p-values, each is multiplied
    by the number of tests that have a hypothesis not yet rejected, for no more than
    that can be true; values do not fall. The chance of any false rejection is at most
    the level, whatever the dependence of the tests.

    Args:
      pairs: two p-values in [0, 1] for each test.

    Returns:
      Adjusted p-values in [0, 1], in the same order.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979;
    Shaffer, "Modified sequentially rejective multiple test procedures", 1986 (its
    second form, where of each pair at most one hypothesis is true).

    >>> adjusted([(0.01, 0.5), (0.02, 0.9)])
    [(0.02, 1.0), (0.04, 1.0)]
    """
    order = sorted(
        (p, test, side)
        for test, pair in enumerate(pairs)
        for side, p in enumerate(pair)
    )
    open_sides = [2] * len(pairs)
    found = [[1.0, 1.0] for _ in pairs]
    largest = 0.0
    for p, test, side in order:
        largest = max(largest, min(1.0, p * sum(n > 0 for n in open_sides)))
        found[test][side] = largest
        open_sides[test] -= 1
    return [(first, second) for first, second in found]
