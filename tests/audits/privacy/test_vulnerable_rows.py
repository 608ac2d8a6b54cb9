"""Vulnerability of single rows: hand-computed, by simulation, and as a table."""

import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.audits.privacy.vulnerable_rows import table, vulnerability


def drawn(models, shift, seed=0):
    """Log-odds of two classes, N(0, 1) without the row and N(shift, 1) with it."""
    rng = np.random.default_rng(seed)
    member = np.zeros((models, len(shift)), bool)
    for i in range(0, models, 2):
        member[i] = rng.random(len(shift)) < 0.5
        member[i + 1] = ~member[i]
    odds = rng.normal(size=member.shape) + member * np.asarray(shift)
    labels = np.zeros(len(shift), int)
    logits = np.stack([odds, np.zeros_like(odds)], axis=-1)
    return jnp.asarray(logits[:, :, None], jnp.float32), labels, member


@pytest.mark.parametrize("models", [32, 128])
def test_a_row_is_as_vulnerable_as_its_log_odds_are_apart(models):
    shift = np.array([0.0] * 300 + [3.0])
    found = vulnerability(*drawn(models, shift))
    error = 2 / np.sqrt(models)  # of a difference of two means of half of the models
    assert found.argmax() == 300
    assert found[300] == pytest.approx(3.0, abs=4.5 * error * 1.5)
    assert abs(found[:300].mean()) < 4 * error / np.sqrt(300)
    assert np.std(found[:300]) == pytest.approx(error, rel=0.25)


def test_queries_are_averaged():
    logits, labels, member = drawn(16, np.array([1.0, 0.0]))
    both = jnp.concatenate([logits, logits], axis=2)
    np.testing.assert_allclose(
        vulnerability(both, labels, member),
        vulnerability(logits, labels, member),
        rtol=1e-5,
    )


def test_where_models_agree_in_all_digits_it_is_no_infinity():
    logits = jnp.zeros((4, 2, 1, 2))
    member = np.array([[True, False], [False, True]] * 2)
    np.testing.assert_array_equal(vulnerability(logits, np.zeros(2, int), member), 0)


def test_the_table_has_the_most_vulnerable_first():
    found = table(
        np.array([0.5, 2.0, -1.0]),
        np.array([7, 3, 11]),
        ["cat", "a, b", "cat"],
        np.array([0, 1, 0]),
        ["", "mislabelled", ""],
        {"loss": np.array([0.25, np.nan, 1.0])},
    )
    assert found.decode().splitlines() == [
        "rank,row,class,group,canary,vulnerability,found_loss",
        '1,3,"a, b",1,mislabelled,2.000,',
        "2,7,cat,0,,0.500,0.25",
        "3,11,cat,0,,-1.000,1.00",
    ]
    without = table(np.array([0.5]), np.array([7]), ["cat"], None, [""], {})
    assert without.decode().splitlines()[1] == "1,7,cat,,,0.500"
