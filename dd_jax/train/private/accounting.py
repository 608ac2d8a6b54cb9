"""The one place that knows dp-accounting: from mechanisms to epsilon and back.

Neighbouring data sets differ in the content of one row: in one of them it contributes
nothing. Counts, labels and the choice of rows are the same in both.
"""

import math
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from scipy.optimize import brentq

from dd_jax.train.private.libraries import library
from dd_jax.types import InputError

Accountant = Literal["pld", "rdp"]
_TOLERANCE = 1e-4  # relative, of a noise multiplier
_ORDERS = (*range(2, 65), *range(66, 257, 2), 512)  # whole ones are quick and exact
_GRID = 1e-4  # of privacy losses, for an epsilon of 1 or less
_COARSEST = 1e3
_MOST = 1e4  # larger epsilons count as infinite


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


def sampling_of(batch: int, rows: int) -> float:
    """The probability of each row at which a batch has a size on average, at most 1.

    >>> sampling_of(256, 1024), sampling_of(256, 100)
    (0.25, 1.0)
    """
    return min(1.0, batch / rows)


def epsilon_of(
    mechanisms: list[Gaussians],
    delta: float,
    accountant: Accountant = "pld",
    *,
    exchange: bool = False,
) -> float:
    """The epsilon at a delta of mechanisms that are all run.

    Those without sampling are together one Gaussian mechanism of the noise multiplier
    `(sum_i count_i / s_i^2)^(-1/2)`, whose delta has a closed form.

    Args:
      mechanisms: composed, each with fresh noise.
      delta: in (0, 1).
      accountant: of mechanisms with sampling: `pld`, privacy loss distributions, or
        `rdp`, Renyi divergences, which give more.
      exchange: of data sets in one of which a row has other content, instead of
        contributing nothing; for `pld`.

    Returns:
      In [0, inf]; inf where a mechanism adds no noise.

    Raises:
      InputError: the library is missing, or a value out of range.

    Balle and Wang (2018), eq. 6, closed form; Doroshenko et al. (2022), "Connect the
    dots"; Mironov (2017), "Renyi differential privacy".

    >>> round(epsilon_of([Gaussians(4, 7.4613)], 1e-5), 3)
    1.0
    """
    _require_delta(delta)
    used = [m for m in mechanisms if m.count]
    if any(m.noise_multiplier == 0 for m in used):
        return math.inf
    plain = [m for m in used if m.sampling == 1]
    together = (
        sum(m.count / m.noise_multiplier**2 for m in plain) ** -0.5 if plain else 0
    )
    sampled = [m for m in used if m.sampling < 1]
    if not sampled:  # an exchange shifts a sum twice as far
        together /= 2 if exchange else 1
        return _of_gaussian(together, delta) if plain else 0.0
    about = 1.0 if accountant == "rdp" else epsilon_of(mechanisms, delta, "rdp")
    account, library = _fresh(accountant, about, exchange)(), require()
    if plain:
        account.compose(library.GaussianDpEvent(together))
    for mechanism in sampled:
        account.compose(_event(mechanism))
    return float(account.get_epsilon(delta))


@lru_cache(maxsize=16)  # a search takes seconds
def noise_multiplier_for(
    epsilon: float,
    delta: float,
    count: int,
    sampling: float = 1.0,
    accountant: Accountant = "pld",
) -> float:
    """The least noise multiplier at which mechanisms of one kind keep to an epsilon.

    Args:
      epsilon: above 0.
      delta: in (0, 1).
      count: how often noise is drawn.
      sampling: see `Gaussians`.
      accountant: see `epsilon_of`.

    Raises:
      InputError: the library is missing, or a value out of range.

    >>> round(noise_multiplier_for(1.0, 1e-5, 4), 2)
    7.46
    """
    if not 0 < epsilon < _MOST:
        raise InputError(
            f"epsilon is {epsilon}; need a number above 0 and below {_MOST:g}"
        )
    _require_delta(delta)
    found = _least(epsilon, delta, count, sampling, accountant)
    kind = lambda s: [Gaussians(count, s, sampling)]
    while epsilon_of(kind(found), delta, accountant) > epsilon:
        found *= 1 + _TOLERANCE  # a search may end on either side
    return found


def _least(epsilon, delta, count, sampling, accountant) -> float:
    library = require()
    if sampling == 1:
        from dp_accounting.pld.common import DifferentialPrivacyParameters
        from dp_accounting.pld.privacy_loss_mechanism import GaussianPrivacyLoss

        wanted = DifferentialPrivacyParameters(epsilon, delta)
        single = GaussianPrivacyLoss.from_privacy_guarantee(wanted)
        return math.sqrt(count) * single.standard_deviation
    event = lambda s: _event(Gaussians(count, s, sampling))
    fresh = _fresh(accountant, epsilon)
    return float(
        library.calibrate_dp_mechanism(fresh, event, epsilon, delta, tol=_TOLERANCE)
    )


def _of_gaussian(noise_multiplier: float, delta: float) -> float:
    require()
    from dp_accounting.pld.privacy_loss_mechanism import GaussianPrivacyLoss

    loss = GaussianPrivacyLoss(noise_multiplier)
    over = lambda epsilon: loss.get_delta_for_epsilon(epsilon) - delta
    if over(0.0) <= 0:
        return 0.0
    if over(_MOST) > 0:
        return math.inf
    return float(brentq(over, 0.0, _MOST, xtol=1e-9))


def _event(mechanism: Gaussians):
    library = require()
    event = library.GaussianDpEvent(mechanism.noise_multiplier)
    sampled = library.PoissonSampledDpEvent(mechanism.sampling, event)
    return library.SelfComposedDpEvent(sampled, mechanism.count)


def _fresh(accountant: Accountant, about: float, exchange: bool = False):
    """A new accountant for an epsilon of that order, on a grid that is fine for it."""
    library = require()
    if accountant == "rdp":
        from dp_accounting.rdp import RdpAccountant

        return partial(RdpAccountant, _ORDERS)
    from dp_accounting.pld import PLDAccountant

    relations = library.NeighboringRelation
    one = relations.REPLACE_ONE if exchange else relations.ADD_OR_REMOVE_ONE
    step = _GRID * min(max(about, 1.0), _COARSEST)
    return partial(PLDAccountant, one, step)


def require():
    """The library.

    Raises:
      InputError: it is missing.
    """
    return library("dp_accounting", "dp-accounting")


def _require_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise InputError(f"delta is {delta}; need a number between 0 and 1")
