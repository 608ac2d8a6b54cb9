"""Which runs answer the question, the most important first."""

from collections.abc import Collection

from ml_collections import ConfigDict

from dd_jax.catalogue.method_traits import matches_real, selects
from dd_jax.config.sweep import Point

_IPCS = (1, 10, 50)
_MIDDLE = 10  # images a class, of which initial images and mitigations are tried
_ROBUST_EPS = 0.05  # Linf, of robust distillation


def wishes(config: ConfigDict, smallest: int, given: Collection[str]) -> list[Point]:
    """All runs that a plan may have, the most important first.

    One image a class, ten, ten from noise, fifty, ten from k-means, and ten by robust
    distillation; of a method that selects images their numbers alone, of a loaded set
    the one run. Shadows have half of the rows, so that sets are as large as half of the
    smallest class at most.

    Args:
      config: the base.
      smallest: training rows of the smallest class.
      given: keys that are not varied.

    >>> from dd_jax.config import default
    >>> [point["distill.ipc"] for point in wishes(default(), 30, ())]
    [1, 10, 10, 10, 10]
    """
    if config.distill.load:
        return [{}]
    method = config.distill.method
    fixed = {*given, *(["distill.init"] if selects(method) else [])}
    possible = [ipc for ipc in _IPCS if 2 * ipc <= smallest] or [1]
    middle = max(ipc for ipc in possible if ipc <= _MIDDLE)
    of = lambda ipc, init="real": {"distill.ipc": ipc, "distill.init": init}
    found = [of(possible[0]), of(middle), of(middle, "noise")]
    found += [of(ipc) for ipc in possible if ipc > _MIDDLE]
    found += [of(middle, "kmeans")]
    if matches_real(method):
        found += [of(middle) | {"mitigate.robust.eps": _ROBUST_EPS}]
    kept = [{k: v for k, v in point.items() if k not in fixed} for point in found]
    return [point for i, point in enumerate(kept) if point not in kept[:i]]


def words(point: Point) -> str:
    """A run of a plan for people.

    >>> words({"distill.ipc": 10, "distill.init": "noise", "model.width": 16})
    'ipc=10 init=noise'
    """
    varied = "distill.ipc", "distill.init", "mitigate.robust.eps"
    named = {key.split(".", 1)[1]: point[key] for key in varied if key in point}
    return " ".join(f"{key}={value}" for key, value in named.items())
