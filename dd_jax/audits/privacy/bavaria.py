"""Bayesian variance inference (BaVarIA): LiRA with a variance for few shadows.

The variance of a point's scaled logit is estimated from its own shadows and from all
points together, in the proportion that a conjugate prior gives: no switch between the
fixed and the per-example variance of LiRA.

Source: Brännvall 2026, "Exponential-family membership inference: from LiRA and RMIA to
BaVarIA" (normal-inverse-gamma prior; Student-t predictive, BaVarIA-t, or a Gaussian of
the stabilised variance, BaVarIA-n).

The prior is this package's own, and the paper's may differ: flat in the mean; the
degrees of freedom and the scale of the variance are estimated from all points by
moments (`variance_prior`), apart for IN and OUT. Offline is one-sided, as in
`lira_offline`.
"""

import jax.numpy as jnp
from jax.scipy.stats import norm, t

from dd_jax.audits.privacy.lira import MIN_STD
from dd_jax.audits.privacy.shadows import masked_mean, shadow_mask
from dd_jax.types import Array, InputError

MAX_DEGREES = 100.0  # of the prior: with more, all points have one variance in effect


def _squares(phi: Array, side: Array) -> Array:
    """Sum of squared deviations from the mean of the marked models, `f32[n q]`."""
    return jnp.sum((phi - masked_mean(phi, side)) ** 2, axis=0, where=side[..., None])


def variance_prior(squares: Array, degrees: Array) -> tuple[Array, Array]:
    """Degrees of freedom and scale of the inverse-gamma prior of the points' variances.

    Variances `s^2 = squares / degrees` of d degrees of freedom, drawn from points whose
    true variance is `scale * nu / chi^2_nu`, have the mean `scale * nu / (nu - 2)` and
    the squared coefficient of variation `c = 2 (d + nu - 2) / (d (nu - 4))`, those of
    an F distribution. So `nu = (4 c d + 2 d - 4) / (c d - 2)`, which is infinite where
    they vary as those of points with equal variances do.

    Args:
      squares: `f32[n q]`, sums of squared deviations.
      degrees: `f32[n]`, their degrees of freedom; points with none are left out.

    Returns:
      `(nu f32[q], scale f32[q])`, nu in [4, MAX_DEGREES].

    Source of an inverse-gamma prior estimated from all variances: Smyth 2004, "Linear
    models and empirical Bayes methods", section 6; by moments of `s^2` here.

    >>> equal = variance_prior(jnp.array([[4.0], [4.0]]), jnp.array([4.0, 4.0]))
    >>> [value.item() for value in equal]
    [100.0, 0.9800000190734863]
    """
    known = (degrees > 0)[:, None]
    total = jnp.maximum(known.sum(), 1)
    variances = jnp.where(known, squares, 0.0) / jnp.maximum(degrees, 1)[:, None]
    mean = jnp.maximum(variances.sum(0) / total, MIN_STD**2)
    ratio = jnp.where(known, variances / mean - 1, 0.0)
    d = jnp.maximum(degrees.sum() / total, 1)
    cd = d * jnp.square(ratio).sum(0) / total
    solved = (4 * cd + 2 * d - 4) / jnp.where(cd > 2, cd - 2, 1.0)
    nu = jnp.clip(jnp.where(cd > 2, solved, MAX_DEGREES), 4.0, MAX_DEGREES)
    return nu, mean * (nu - 2) / nu


def predictive(phi: Array, side: Array) -> tuple[Array, Array, Array]:
    """Predictive distribution of a point's scaled logit, given the marked models.

    With n values of mean v and squares S about it, and the prior `(nu, scale)`: that of
    Student with `nu + n - 1` degrees of freedom, centre v, and the squared width
    `(1 + 1 / n) (nu scale + S) / (nu + n - 1)`.

    Args:
      phi: scaled logits `f32[m n q]`.
      side: `bool[m n]`, the IN or the OUT shadows; a point with none has centre 0.

    Returns:
      `(degrees, centre, width)`, each `f32[n q]`; width at least MIN_STD.
    """
    count = side.sum(0).astype(phi.dtype)
    squares = _squares(phi, side)
    nu, scale = variance_prior(squares, jnp.maximum(count - 1, 0))
    degrees = nu + jnp.maximum(count - 1, 0)[:, None]
    variance = (nu * scale + squares) / degrees
    spread = 1 + 1 / jnp.maximum(count, 1)
    width = jnp.sqrt(spread[:, None] * variance)
    return degrees, masked_mean(phi, side), jnp.maximum(width, MIN_STD)


def _student(form: str) -> bool:
    if form not in ("t", "n"):
        raise InputError(
            f"form: {form!r} is not known; use t (Student) or n (Gaussian)"
        )
    return form == "t"


def bavaria(phi: Array, member: Array, target: Array, *, form: str = "t") -> Array:
    """Log-likelihood ratio of IN to OUT under the predictive distributions.

    `mean_q log f_in(phi_t) - log f_out(phi_t)`, see `predictive`. A point without an IN
    shadow, or without an OUT shadow, scores 0.

    Args:
      phi: scaled logits `f32[m n q]`.
      member: `bool[m n]`, true where the model was given the point.
      target: index of the model under attack; may be traced.
      form: `t`, Student's t (BaVarIA-t), or `n`, a Gaussian of the same centre and
        width (BaVarIA-n).

    Returns:
      `f32[n]`, higher = more likely a member.

    Raises:
      InputError: another form.
    """
    student, shadows = _student(form), shadow_mask(len(phi), target)[:, None]
    sides = shadows & member, shadows & ~member

    def log_density(side: Array) -> Array:
        degrees, centre, width = predictive(phi, side)
        if student:
            return t.logpdf(phi[target], degrees, centre, width)
        return norm.logpdf(phi[target], centre, width)

    ratio = log_density(sides[0]) - log_density(sides[1])
    both = sides[0].any(0) & sides[1].any(0)
    return jnp.where(both[:, None], ratio, 0.0).mean(-1)


def bavaria_offline(
    phi: Array, member: Array, target: Array, *, form: str = "t"
) -> Array:
    """Minus the log of the one-sided p-value under the OUT predictive distribution.

    `mean_q -log P[f_out > phi_t]`, from OUT shadows only. A point without OUT shadows
    scores log 2, as a point at its OUT mean does. Tails of Student's t go through the
    normal deviate `sign(z) (8 v + 1) / (8 v + 3) sqrt(v log(1 + z^2 / v))` of v degrees
    of freedom, which f32 holds however far they are. Arguments as in `bavaria`.

    Returns:
      `f32[n]`, at least 0, higher = more likely a member.

    Source of the deviate: Wallace 1959, "Bounds on normal approximations to Student's
    and the chi-square distributions".
    """
    student, out = _student(form), shadow_mask(len(phi), target)[:, None] & ~member
    degrees, centre, width = predictive(phi, out)
    z = (phi[target] - centre) / width
    if student:
        root = jnp.sqrt(degrees * jnp.log1p(z**2 / degrees))
        z = jnp.sign(z) * (8 * degrees + 1) / (8 * degrees + 3) * root
    return -norm.logcdf(-jnp.where(out.any(0)[:, None], z, 0.0)).mean(-1)
