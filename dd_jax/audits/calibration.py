"""Calibration audit: does the confidence of networks equal their accuracy.

Before and after temperature scaling. NumPy in float64.

Source: Guo, Pleiss, Sun and Weinberger 2017, "On calibration of modern neural
networks". Differs from it in: the temperature is fitted on one half of the evaluation
rows and scales the other, and the other way round, so that figures before and after
are of the same rows and no row is scaled by a temperature that was fitted on it.
"""

from functools import partial

import chex
import numpy as np
from scipy import optimize, special

from dd_jax.audits.audit import Audit, Context
from dd_jax.runtime.keys import integer
from dd_jax.types import Array, InputError

COLDEST, HOTTEST = 1e-2, 1e2  # temperatures that are tried


def negative_log_likelihood(logits: Array, labels: np.ndarray) -> np.ndarray:
    """Mean negative log-likelihood, `-mean_i log p_i(y_i)` in nats.

    Args:
      logits: `f[... n k]`; leading axes are networks.
      labels: `i32[n]`.

    Returns:
      `f64[...]`, at least 0.

    >>> logits = np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> round(float(negative_log_likelihood(logits, np.array([0, 1]))), 6)
    0.490415
    """
    log_p = special.log_softmax(_checked(logits, labels), axis=-1)
    return -log_p[..., np.arange(len(labels)), labels].mean(-1)


def brier_score(logits: Array, labels: np.ndarray) -> np.ndarray:
    """Mean squared error of the probabilities, `mean_i sum_c (p_i(c) - [c = y_i])^2`.

    Args:
      logits: `f[... n k]`; leading axes are networks.
      labels: `i32[n]`.

    Returns:
      `f64[...]` in [0, 2].

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability".

    >>> logits = np.log([[0.5, 0.5], [0.25, 0.75]])
    >>> float(brier_score(logits, np.array([0, 1])))
    0.3125
    """
    p = special.softmax(_checked(logits, labels), axis=-1)
    return ((p - np.eye(p.shape[-1])[labels]) ** 2).sum(-1).mean(-1)


def reliability(logits: Array, labels: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    """Rows by confidence, `max_c p(c)`, in equal-width bins `((b - 1) / B, b / B]`.

    Args:
      logits: `f[... n k]`; leading axes are networks.
      labels: `i32[n]`.
      bins: B.

    Returns:
      `{count, confidence, accuracy}`, each `f64[... B]`: rows in the bin, and means
      over them, 0 where there are none.

    Source: DeGroot and Fienberg 1983, "The comparison and evaluation of forecasters".

    >>> logits = np.log([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]])
    >>> reliability(logits, np.array([0, 1, 1]), 2)["accuracy"].round(3).tolist()
    [0.0, 0.667]
    """
    p = special.softmax(_checked(logits, labels), axis=-1)
    confidence, right = p.max(-1), p.argmax(-1) == labels
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    member = np.eye(bins)[np.digitize(confidence, edges, right=True)]
    count = member.sum(-2)
    mean = lambda values: (values[..., None] * member).sum(-2) / np.maximum(count, 1)
    return {"count": count, "confidence": mean(confidence), "accuracy": mean(right)}


def expected_calibration_error(
    logits: Array, labels: np.ndarray, bins: int = 15
) -> np.ndarray:
    """Mean gap between confidence and accuracy: `sum_b n_b / n |acc_b - conf_b|`.

    An estimate from few rows errs upwards: a perfectly calibrated network has more
    than 0.

    Args:
      logits: `f[... n k]`; leading axes are networks.
      labels: `i32[n]`.
      bins: equal-width bins of `reliability`.

    Returns:
      `f64[...]` in [0, 1].

    Source: Guo et al. 2017, equation 3; Naeini, Cooper and Hauskrecht 2015.

    >>> logits = np.log([[0.9, 0.1], [0.8, 0.2]])
    >>> round(float(expected_calibration_error(logits, np.array([0, 1]), 1)), 6)
    0.35
    """
    found = reliability(logits, labels, bins)
    gap = np.abs(found["accuracy"] - found["confidence"])
    return (found["count"] * gap).sum(-1) / len(labels)


def fit_temperature(logits: Array, labels: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood of `logits / T`.

    It is convex in 1 / T. Where every row is classified correctly it falls without end
    as T goes to 0; T stays within [0.01, 100].

    Args:
      logits: `f[n k]` of one network.
      labels: `i32[n]`.

    Returns:
      T, never worse than T = 1.

    Source: Guo et al. 2017, section 4.2.
    """
    logits = _checked(logits, labels)
    loss = lambda log_t: negative_log_likelihood(logits / np.exp(log_t), labels)
    found = optimize.minimize_scalar(
        loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded"
    )
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0


def halves(seed: int, labels: np.ndarray) -> np.ndarray:
    """A random half of the rows, stratified by class: `bool[n]`.

    Of a class, and of all rows, both halves have the same number but for one.

    >>> labels = np.array([0, 0, 1, 1, 1, 1])
    >>> np.bincount(labels[halves(0, labels)]).tolist()
    [1, 2]
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    chosen = np.zeros(len(labels), bool)
    chosen[order[::2]] = True
    return chosen


def temperature_scaled(
    logits: Array, labels: np.ndarray, half: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of each half of the rows over the temperature fitted on the other.

    Args:
      logits: `f[s n k]` of s networks.
      labels: `i32[n]`.
      half: `bool[n]`, one of the halves.

    Returns:
      `f64[s n k]`, and the geometric mean of both temperatures `f64[s]`.
    """
    logits = _checked(logits, labels)
    scaled, fitted = np.empty_like(logits), np.empty((2, len(logits)))
    for fold, (fit, apply) in enumerate([(half, ~half), (~half, half)]):
        for i, of_network in enumerate(logits):
            fitted[fold, i] = fit_temperature(of_network[fit], labels[fit])
            scaled[i, apply] = of_network[apply] / fitted[fold, i]
    return scaled, np.sqrt(fitted[0] * fitted[1])


def _checked(logits: Array, labels: np.ndarray) -> np.ndarray:
    logits = np.asarray(logits, np.float64)
    chex.assert_rank(labels, 1)
    chex.assert_axis_dimension(logits, -2, len(labels))
    if not np.isfinite(logits).all():
        raise InputError("calibration: logits are not finite; lower train.lr")
    return logits


def check(context: Context) -> None:
    """Refuses evaluation rows that cannot be halved."""
    if (rows := len(context.evaluation.labels)) < 2:
        raise InputError(
            f"calibration: {rows} evaluation row; temperature scaling needs 2 or more "
            "(audits.calibration.enabled=False leaves it out)"
        )


def measure(context: Context) -> dict:
    """The calibration of each pipeline on the evaluation rows.

    Returns:
      `{PIPE: {ece, nll, brier, reliability, temperature, scaled: {ece, nll, brier,
      reliability}}}`: estimates over networks; `reliability` has a row `{low, high,
      count, confidence, accuracy}` for each bin pooled over networks, without its
      means where it is empty.
    """
    labels, bins = context.evaluation.labels, context.options.bins
    half = halves(integer(context.key("calibration")), labels)
    part = {}
    for pipe in context.networks:
        logits = context.logits(pipe)
        estimate = partial(context.estimate, pipe)
        scaled, temperature = temperature_scaled(logits, labels, half)
        part[pipe] = _figures(logits, labels, bins, estimate) | {
            "temperature": estimate(temperature),
            "scaled": _figures(scaled, labels, bins, estimate),
        }
    return part


def _figures(logits, labels, bins, estimate) -> dict:
    return {
        "ece": estimate(expected_calibration_error(logits, labels, bins)),
        "nll": estimate(negative_log_likelihood(logits, labels)),
        "brier": estimate(brier_score(logits, labels)),
        "reliability": _diagram(logits, labels, bins),
    }


def _diagram(logits, labels, bins) -> list[dict]:
    """Bins pooled over networks."""
    pooled = np.concatenate(np.asarray(logits)), np.tile(labels, len(logits))
    found = reliability(*pooled, bins)
    rows = []
    for b, count in enumerate(found["count"].astype(int)):
        means = {k: found[k][b] for k in ("confidence", "accuracy")} if count else {}
        rows.append({"low": b / bins, "high": (b + 1) / bins, "count": count} | means)
    return rows


AUDIT = Audit("calibration", check, measure)
