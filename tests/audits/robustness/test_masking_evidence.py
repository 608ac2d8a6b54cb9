"""Which attacks are run again for the masking checks, where, and on what."""

import numpy as np
import pytest
from made_curves import made, of_remaining

from dd_jax import register
from dd_jax.attacks import ATTACKS, Attack, Settings, linf
from dd_jax.audits.robustness import ascents, reruns
from dd_jax.audits.robustness.masking_evidence import radius_at_half_accuracy
from dd_jax.catalogue import lookup
from dd_jax.types import InputError


def test_radius_at_half_accuracy():
    curve = made([0.9, 0.8, 0.5, 0.1], [0, 0.1, 0.2, 0.3], steps=7)
    assert radius_at_half_accuracy(curve) == 0.2
    assert radius_at_half_accuracy(made([0.9, 0.9], [0, 2.0], steps=5)) == 2.0
    with pytest.raises(InputError, match="hold none above 0"):
        radius_at_half_accuracy(made([0.9], [0.0], steps=2))


def test_reruns_of_each_norm():
    """Once as it was, twice the steps, 5 restarts; other kinds on what these leave."""
    curve = made([0.9, 0.8, 0.5, 0.1], [0, 0.1, 0.2, 0.3], steps=7)
    far = made([0.9, 0.9], [0, 2.0], steps=5, norm="l2")
    calls = []

    def attack(purpose, name, eps, **settings):
        among = settings.pop("among", None)
        calls.append((purpose, name, eps.tolist(), settings))
        if among is None:
            return made([{"doubled": 0.4}.get(purpose, 0.5)], eps, steps=7)
        np.testing.assert_array_equal(among, [np.arange(100) < 40])
        return of_remaining(0.4, 0.4)

    apgd = made([0.5], [1.0], steps=9, norm="l1")
    curves = {"fgsm": curve, "apgd_ce": curve, "pgd_linf": curve, "pgd_l2": far}
    found = reruns(attack, curves | {"apgd_ce:l1": apgd})
    again = {"pgd_linf", "pgd_l2", "apgd_ce:l1"}
    kinds = ("plain", "doubled", "restarted", "noise", "gradient_free", "targeted")
    assert {key: set(value) for key, value in found.items()} == {
        key: again for key in kinds
    } | {"wide": {"pgd_linf"}}
    expected = [("wide", "pgd_linf", [0.5, 1.0], {})]
    for name, norm, eps, steps in (
        ("pgd_linf", "linf", [0.2], 7),
        ("pgd_l2", "l2", [2.0], 5),
        ("apgd_ce:l1", "l1", [1.0], 9),
    ):
        expected += [
            ("plain", name, eps, {}),
            ("doubled", name, eps, {"steps": 2 * steps}),
            ("restarted", name, eps, {"restarts": 5}),
            (f"noise for {name}", f"noise:{norm}", eps, {}),
            (f"gradient_free for {name}", f"square:{norm}", eps, {}),
            (f"targeted for {name}", f"apgd_t:{norm}", eps, {}),
        ]
    assert sorted(calls, key=str) == sorted(expected, key=str)


def test_of_the_built_in_attacks_those_with_steps_and_restarts_run_again():
    of = lambda *names: ascents(dict.fromkeys(names, "linf"))
    alone = {name for name in ATTACKS if of(name)}
    assert alone == {"apgd_ce", "apgd_dlr", "pgd_l2", "pgd_linf"}
    assert of("apgd_dlr", "apgd_ce") == {"linf": "apgd_ce"}
    assert of("apgd_dlr", "apgd_ce", "pgd_linf") == {"linf": "pgd_linf"}


@pytest.mark.parametrize("kind, again", [("ascent", {"linf": "mine"}), ("search", {})])
def test_an_attack_of_ones_own_runs_again_by_what_it_declares(monkeypatch, kind, again):
    def mine(eps, *, steps=10, restarts=1):
        run = lambda key, logits_fn, images, labels: images
        return Attack(run, linf(eps), Settings(steps, restarts=restarts), kind)

    assert "pgd_linf" in ATTACKS  # the built-in ones are loaded
    monkeypatch.setattr(lookup, "_entries", dict(lookup._entries))
    register("attack", "mine", mine, label="mine")
    assert ascents({"mine": "linf"}) == again
