import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dd_jax.audits.privacy.calibrated import calibrated, calibrated_out
from dd_jax.audits.privacy.scores import SCORES
from dd_jax.audits.privacy.thresholds import (
    negative_entropy,
    negative_loss,
    negative_modified_entropy,
    rank_in_class,
)

GOLDEN = jnp.broadcast_to(jnp.array([2.0, 1.0, 0.5, -1.0]), (1, 4, 1, 4))


def test_golden_values():
    labels = jnp.arange(4)
    of = lambda signal: signal(GOLDEN, labels, None).values[0, :, 0]
    np.testing.assert_allclose(
        -of(negative_modified_entropy),
        [0.271121, 1.753792, 2.354744, 4.038954],
        atol=1e-5,
    )
    np.testing.assert_allclose(-of(negative_entropy), [1.014403] * 4, atol=1e-6)
    p = [0.60946004, 0.22420782, 0.13598892, 0.03034323]
    np.testing.assert_allclose(np.exp(of(negative_loss)), p, atol=1e-7)


def test_modified_entropy_is_exact_where_probabilities_round_to_one():
    logits = jnp.array([[40.0, 0.0, 0.0]] * 2).reshape(1, 2, 1, 3)
    found = -negative_modified_entropy(logits, jnp.array([0, 1]), None).values[0, :, 0]
    rest = 2 * np.exp(-40.0)
    # right: (1 - p)(-log p) and twice p_i^2; wrong: 40 and p_0 (40 - log 2)
    np.testing.assert_allclose(found[0], 1.5 * rest**2, rtol=1e-4)
    np.testing.assert_allclose(found[1], 80 - np.log(2), rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_rank_in_class_counts_strictly_lower_values_of_the_class(seed):
    rng = np.random.default_rng(seed)
    values, pool = rng.integers(0, 4, 6), rng.integers(0, 4, (3, 6))
    labels, kept = rng.integers(0, 3, 6), rng.random((3, 6)) < 0.6
    expected = [
        np.mean(pool[kept & (labels == c)] < v) if (kept & (labels == c)).any() else 0
        for v, c in zip(values, labels, strict=True)
    ]
    found = rank_in_class(
        *(jnp.asarray(x, t) for x, t in zip((values, labels), (float, int))),
        jnp.asarray(pool, float),
        jnp.asarray(kept),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_thresholds_of_each_class_undo_a_gap_between_classes():
    """Class 1 is easy for all models: globally its non-members look like members."""
    rng = np.random.default_rng(0)
    m, n = 16, 400
    half = np.stack([rng.permutation(np.arange(n) < n // 2) for _ in range(m // 2)])
    member = np.stack([half, ~half], 1).reshape(m, n)
    labels = np.arange(n) % 2
    log_odds = rng.normal(size=(m, n)) + 1.5 * member + 4 * labels
    other = np.zeros_like(log_odds)
    logits = np.stack([log_odds, other], -1)
    logits[:, labels == 1] = logits[:, labels == 1, ::-1]
    world = jnp.asarray(logits[:, :, None], jnp.float32), labels, member
    whole, each = (
        np.asarray(SCORES[name](*world, 3)) for name in ("loss", "loss_per_class")
    )
    cut = np.quantile(whole[~member[3]], 0.9)
    assert np.mean(whole[(labels == 0) & ~member[3]] > cut) < 0.02
    for c in (0, 1):
        flagged = np.mean(each[(labels == c) & ~member[3]] > 0.9)
        assert 0.03 < flagged < 0.2  # 100 draws at 0.1


def test_calibrated_offsets_by_hand():
    phi = jnp.array([5.0, 0.0, 1.0, 2.0, 3.0, 6.0]).reshape(6, 1, 1)
    member = jnp.array([1, 0, 1, 0, 1, 0], bool)[:, None]
    # target 0: shadows 2..5, IN 1 and 3, OUT 2 and 6
    assert calibrated(phi, member, 0).item() == 5 - (2 + 4) / 2
    assert calibrated_out(phi, member, 0).item() == 5 - 4
    only_in = jnp.ones_like(member)
    assert calibrated(phi, only_in, 0).item() == 5 - 3
    assert calibrated_out(phi, only_in, 0).item() == 0
