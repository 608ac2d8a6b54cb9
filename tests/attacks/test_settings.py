"""The settings in a row are those that run: they come from the attacks themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dd_jax.attacks import ATTACKS, apgd, describe, ensemble, with_targets
from dd_jax.attacks.constraints import ball_of
from dd_jax.attacks.schedules import halving, sparse
from dd_jax.audits.robustness import epsilon_curve

KEY = jax.random.key(0)
EPS = 0.1
CASES = [(norm, v) for norm in ("linf", "l2", "l1") for v in ("standard", "plus")]
CASES.append(("linf", "rand"))


@pytest.mark.parametrize("norm, version", CASES)
def test_an_ensemble_is_described_by_its_parts(norm, version):
    how = {"norm": norm, "version": version, "steps": 30, "queries": 70}
    row = describe("autoattack", EPS, **how)
    plan = ensemble._plan(norm, version, 30, 70)
    assert [part["attack"] for part in row["parts"]] == [name for name, *_ in plan]
    rule = sparse if norm == "l1" else halving
    # 30 % of the steps are in the ball of 3 radii, if L1 has that many
    first = 3 * EPS if norm == "l1" else 2 * EPS
    for part, (name, _, given) in zip(row["parts"], plan):
        real = ensemble.COMPONENTS[name](ball_of(norm, EPS), **dict(given))
        runs = part.get("targets") or part["restarts"]
        assert (runs, part.get("eot", 0)) == (real.count, real.settings.eot)
        assert ("targets" in part) == real.targeted
        assert part["steps"] == dict(given)["steps"]
        if name.startswith("apgd"):
            assert part["momentum"] == 1 - rule(ball_of(norm, EPS)).momentum
            assert part["momentum"] == (0 if norm == "l1" else 0.25)
            assert part["step_size"] == pytest.approx(first)
            losses = {"apgd_ce": "ce", "apgd_dlr": "dlr", "apgd_t": "targeted_dlr"}
            assert part["loss"] == losses[name] and part["random_start"]
        else:
            assert part["momentum"] == 0 and part["step_size"] is None
            assert part["random_start"] == (name == "square" or part["restarts"] > 1)
    shared = ("momentum", "step_size", "restarts", "random_start", "loss")
    assert {k: row[k] for k in shared} == {k: row["parts"][0][k] for k in shared}


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("name", ["apgd_ce", "apgd_t", "fab_t", "square"])
def test_an_attack_alone_is_described_as_in_an_ensemble(name, norm):
    parts = describe("autoattack", EPS, norm=norm, version="plus", steps=9)["parts"]
    (part,) = (part for part in parts if part["attack"] == name)
    again = {"restarts": part["restarts"]} if name == "apgd_ce" else {}
    row = describe(name, EPS, norm=norm, steps=part["steps"], **again)
    assert {"attack": name} | {k: row[k] for k in part if k != "attack"} == part


def test_settings_follow_the_rule(monkeypatch):
    def slower(ball):
        return halving(ball)._replace(momentum=0.6, first=0.7 * ball.eps)

    monkeypatch.setattr(apgd, "halving", slower)
    for row in (describe("apgd_ce", EPS), *describe("autoattack", EPS)["parts"][:2]):
        assert row["momentum"] == pytest.approx(0.4)
        assert row["step_size"] == pytest.approx(0.07)
    assert describe("autoattack", EPS)["momentum"] == pytest.approx(0.4)


def test_the_first_step_of_apgd_has_the_described_size(monkeypatch):
    slope = jnp.array([[1.0, -1.0], [-2.0, 2.0]])
    linear = lambda images: images.reshape(len(images), -1) @ slope
    monkeypatch.setattr(apgd, "_start", lambda ball, key, image: jnp.zeros_like(image))
    images, labels = jnp.full((1, 1, 2, 1), 0.5), jnp.array([0])
    for steps, norm in ((1, "linf"), (1, "l2"), (1, "l1")):
        row = describe("apgd_ce", 0.01, norm=norm, steps=steps)
        ball = ball_of(norm, 0.01)
        _, rule, _ = apgd._phases(ball, steps)[0]
        step = rule.step(rule.init(jnp.zeros((1, 2, 1)), 0.0), jnp.ones((1, 2, 1)))
        assert float(ball.norm(step)) == pytest.approx(row["step_size"])
    attack = ATTACKS["apgd_ce"](eps=0.01, norm="l2", steps=1)
    moved = attack(KEY, linear, images, labels) - images
    assert float(jnp.linalg.norm(moved)) == pytest.approx(0.01, rel=1e-5)


def test_no_more_targets_than_wrong_classes():
    row = describe("autoattack", EPS)
    assert row["parts"][1]["targets"] == 9
    row = with_targets(row, 3)
    assert [part.get("targets") for part in row["parts"]] == [None, 2, 2, None]
    assert with_targets(describe("pgd_l2", EPS), 3) == describe("pgd_l2", EPS)


OFTEN = ("fgsm", "pgd_l2", "apgd_ce")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in OFTEN else [pytest.mark.slow])
        for name in sorted(ATTACKS)
    ],
)
def test_rows_of_a_curve_are_those_of_its_attacks(name):
    weights = jax.random.normal(KEY, (1, 4, 3))
    apply = Partial(lambda w, images: images.reshape(len(images), -1) @ w)
    images = jax.random.uniform(KEY, (6, 2, 2, 1))
    labels = np.asarray(apply(weights[0], images).argmax(-1))
    few = {} if name == "fgsm" else {"steps": 2}
    few |= {"queries": 2} if name == "autoattack" else {}
    few |= {"searches": 1} if name == "cw_l2" else {}
    eps = np.array([0.0, 0.05])
    task = KEY, name, apply, weights, images, labels, eps
    rows = epsilon_curve(*task, chunk=6, **few).settings
    for radius, row in zip(eps, rows):
        few |= {"batch": 6} if name == "autoattack" else {}
        expected = with_targets(describe(name, radius, **few), 3)
        assert {k: v for k, v in row.items() if k != "dropped"} == expected
        attack = ATTACKS[name](eps=radius, **few)
        assert row["steps"] == attack.settings.steps
        assert row["momentum"] == attack.settings.momentum
