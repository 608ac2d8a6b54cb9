"""The audit of a mechanism: correct ones pass, broken ones are refuted."""

import itertools
from functools import partial

import jax
import numpy as np
import pytest

from dd_jax.audits.privacy.epsilon import epsilon_from_rates, require_not_refuted
from dd_jax.audits.privacy.mechanism_epsilon import epsilon_of_mechanism, turning
from dd_jax.runtime.keys import named
from dd_jax.train.private.accounting import Gaussians, epsilon_of, noise_multiplier_for
from dd_jax.train.private.ledger import Ledger
from dd_jax.types import InputError

pytest.importorskip("dp_accounting")
CLIP, DELTA = 0.3, 1e-5
release = partial(Ledger.release, sensitivity=CLIP)


def correct(key, sums, noise_multiplier):
    ledger = Ledger()
    for number, each in enumerate(sums):
        own = named(key, f"release {number}")
        yield release(ledger, own, each, noise_multiplier=noise_multiplier)


def same_noise(key, sums, noise_multiplier, shared):
    for number, each in enumerate(sums):
        own = named(key, "shared" if number in shared else f"release {number}")
        yield release(Ledger(), own, each, noise_multiplier=noise_multiplier)


def noise_at_each_use(key, sums, noise_multiplier, uses):
    for number, each in enumerate(sums):
        keys = jax.random.split(named(key, f"release {number}"), uses)
        fresh = partial(release, Ledger(), noise_multiplier=noise_multiplier)
        yield np.stack([fresh(own, each) for own in keys])


def audited(mechanism, releases, seed=0, **kw):
    added = CLIP * turning(releases)
    return epsilon_of_mechanism(
        mechanism, jax.random.key(seed), added, delta=DELTA, **kw
    )["epsilon"]


def claims(epsilons, often):
    """Of 1 and 3 releases; those that are not run often are slow tests."""
    return [
        pytest.param(*one, marks=() if one in often else pytest.mark.slow)
        for one in itertools.product((1, 3), epsilons)
    ]


def noise(epsilon, releases):
    return noise_multiplier_for(epsilon, DELTA, releases)


@pytest.mark.parametrize(
    "releases, epsilon",
    claims([1.0, 2.0, 4.0, 8.0], often=[(1, 1.0)]),
)
def test_a_correct_mechanism_is_not_refuted_and_shows_half_of_its_epsilon(
    releases, epsilon
):
    mechanism = partial(correct, noise_multiplier=noise(epsilon, releases))
    for seed in range(3):
        found = audited(mechanism, releases, seed)
        assert 0.5 * epsilon <= found
        require_not_refuted(epsilon, found, "it")


@pytest.mark.parametrize(
    "releases, epsilon", claims([0.5, 1.0, 2.0, 4.0], often=[(1, 0.5), (3, 4.0)])
)
def test_half_of_the_noise_is_refuted(releases, epsilon):
    mechanism = partial(correct, noise_multiplier=noise(epsilon, releases) / 2)
    with pytest.raises(InputError, match="it shows an epsilon of .* where .*claimed"):
        require_not_refuted(epsilon, audited(mechanism, releases), "it")


@pytest.mark.parametrize("releases, shared", [(2, (0, 1)), (9, (2, 7)), (9, (0, 8))])
def test_noise_that_two_releases_share_is_refuted(releases, shared):
    s = noise(1.0, releases)
    mechanism = partial(same_noise, noise_multiplier=s, shared=shared)
    with pytest.raises(InputError, match="must not be published"):
        require_not_refuted(1.0, audited(mechanism, releases, repetitions=5000), "it")


def test_fresh_noise_at_each_use_that_is_counted_once_is_refuted():
    s = noise(1.0, 3)
    mechanism = partial(noise_at_each_use, noise_multiplier=s, uses=20)
    found = audited(mechanism, 3, repetitions=10_000)
    with pytest.raises(InputError, match="must not be published"):
        require_not_refuted(1.0, found, "it")
    require_not_refuted(epsilon_of([Gaussians(60, s)], DELTA), found, "it")


def of_batches(key, sums, noise_multiplier, sampling):
    for number, each in enumerate(sums):
        own = named(key, f"batch {number}")
        used = jax.random.bernoulli(own, sampling, (len(each), 1))
        noise_key = named(key, f"release {number}")
        kept = used * each
        yield release(Ledger(), noise_key, kept, noise_multiplier=noise_multiplier)


@pytest.mark.slow
def test_half_of_the_noise_of_rare_batches_is_refuted():
    s = noise_multiplier_for(1.0, DELTA, 100, 0.005)
    given = {"sampling": 0.005, "repetitions": 20_000}
    broken = partial(of_batches, noise_multiplier=s / 2, sampling=0.005)
    with pytest.raises(InputError, match="must not be published"):
        require_not_refuted(1.0, audited(broken, 100, **given), "it")
    correct = partial(of_batches, noise_multiplier=s, sampling=0.005)
    require_not_refuted(1.0, audited(correct, 100, **given), "it")


def test_no_noise_shows_all_that_can_be_shown():
    found = epsilon_of_mechanism(
        lambda key, sums: sums, jax.random.key(0), turning(2), delta=0, repetitions=500
    )
    assert 0 < found["surely"] < found["epsilon"]
    assert found == {
        "epsilon": found["most"],
        "surely": found["surely"],
        "confidence": 0.99,
        "repetitions": 2000,
        "most": epsilon_from_rates(500, 500, 0, 500, confidence=0.99),
    }


@pytest.mark.slow
def test_many_releases_are_audited_in_parts():
    one, two = (
        audited(partial(correct, noise_multiplier=noise(4.0, r)), r, repetitions=3000)
        for r in (1, 201)
    )
    assert two == pytest.approx(one, rel=0.3) and two > 1


def test_the_same_key_gives_the_same_bound():
    mechanism = partial(correct, noise_multiplier=2.0)
    one, same, other = (
        audited(mechanism, 2, seed, repetitions=2000) for seed in (0, 0, 1)
    )
    assert one == same != other
