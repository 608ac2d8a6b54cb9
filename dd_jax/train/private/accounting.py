"""The one place that knows dp-accounting: from mechanisms to epsilon and back.

Neighbouring data sets differ in one row that is added or removed.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from dd_jax.types import InputError

Accountant = Literal["pld", "rdp"]
_TOLERANCE = 1e-4  # of a noise multiplier


class Gaussians(NamedTuple):
    """Gaussian mechanisms of one kind, one after another.

    Attributes:
      count: how often noise is drawn.
      noise_multiplier: standard deviation of the noise over the L2 sensitivity.
      sampling: probability with which each row takes part, on its own (Poisson); 1 is
        all rows every time.
    """

    count: int
    noise_multiplier: float
    sampling: float = 1.0


def epsilon_of(
    mechanisms: list[Gaussians], delta: float, accountant: Accountant = "pld"
) -> float:
    """The epsilon at a delta of mechanisms that are all run.

    Args:
      mechanisms: composed, each with fresh noise.
      delta: in (0, 1).
      accountant: `pld`, privacy loss distributions, or `rdp`, Renyi divergences, which
        give more.

    Returns:
      In [0, inf]; inf where a mechanism adds no noise.

    Raises:
      InputError: the library is missing, or a value out of range.

    Doroshenko et al. (2022), "Connect the dots"; Mironov (2017), "Renyi differential
    privacy".

    >>> round(epsilon_of([Gaussians(1, 3.7306)], 1e-5), 2)
    1.0
    """
    _require(0 < delta < 1, f"delta is {delta}; need a number between 0 and 1")
    if any(m.noise_multiplier == 0 and m.count for m in mechanisms):
        return math.inf
    used = _fresh(accountant)()
    for mechanism in mechanisms:
        if mechanism.count:
            used.compose(_event(mechanism))
    return float(used.get_epsilon(delta))


def noise_multiplier_for(
    epsilon: float,
    delta: float,
    mechanisms: Callable[[float], list[Gaussians]],
    accountant: Accountant = "pld",
) -> float:
    """The least noise multiplier at which mechanisms keep to an epsilon.

    Args:
      epsilon: above 0.
      delta: in (0, 1).
      mechanisms: `noise_multiplier -> mechanisms`, composed.
      accountant: see `epsilon_of`.

    Raises:
      InputError: the library is missing, or a value out of range.

    >>> round(noise_multiplier_for(1.0, 1e-5, lambda s: [Gaussians(4, s)]), 2)
    7.46
    """
    _require(
        0 < epsilon < math.inf, f"epsilon is {epsilon}; need a finite number above 0"
    )
    _require(0 < delta < 1, f"delta is {delta}; need a number between 0 and 1")
    fresh, library = _fresh(accountant), _library()

    def event(noise_multiplier: float):
        return library.ComposedDpEvent([*map(_event, mechanisms(noise_multiplier))])

    found = float(
        library.calibrate_dp_mechanism(fresh, event, epsilon, delta, tol=_TOLERANCE)
    )
    while epsilon_of(mechanisms(found), delta, accountant) > epsilon:
        found += _TOLERANCE  # the search may end on either side
    return found


def _event(mechanism: Gaussians):
    library = _library()
    count, noise_multiplier, sampling = mechanism
    if sampling == 1:  # the same as a single one on the stacked statistics
        return library.GaussianDpEvent(noise_multiplier / math.sqrt(count))
    event = library.GaussianDpEvent(noise_multiplier)
    return library.SelfComposedDpEvent(
        library.PoissonSampledDpEvent(sampling, event), count
    )


def _fresh(accountant: Accountant) -> Callable:
    _library()
    if accountant == "rdp":
        from dp_accounting.rdp import RdpAccountant

        return RdpAccountant
    from dp_accounting.pld import PLDAccountant

    return PLDAccountant


def _library():
    try:
        import dp_accounting
    except ImportError:
        raise InputError(
            "dp.epsilon needs dp-accounting; pip install 'dd_jax[privacy]'"
        ) from None
    return dp_accounting


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise InputError(words)
