"""Epsilon curves of linear networks: their closed form, and how often they compile."""

import logging
from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from linear_networks import (
    IMAGES,
    LABELS,
    NETWORKS,
    PARAMS,
    N,
    S,
    apply,
    closed_form,
    signed_scores,
)

from dd_jax import register
from dd_jax.attacks import ATTACKS
from dd_jax.audits.robustness import (
    attacked_at_once,
    epsilon_curve,
    masking_checks,
    minimal_distances,
    record,
)
from dd_jax.catalogue import lookup
from dd_jax.runtime.device_memory import memory_of
from dd_jax.runtime.platform import made_for
from dd_jax.types import InputError

KEY = jax.random.key(0)


def counted(traces):
    """The networks, and a list of the batch sizes with which they are traced."""

    def traced(net, batch):
        traces.append(len(batch))
        return apply(net, batch)

    return traced, PARAMS, IMAGES, LABELS


@pytest.mark.parametrize(
    ("name", "dual"), [("fgsm", 1), ("pgd_linf", 1), ("mim", 1), ("pgd_l2", 2)]
)
def test_curve_of_linear_networks_has_its_closed_form(name, dual):
    eps = np.array([0.0, 0.02, 0.05, 0.1, 0.2])
    settings = {"random_start": False} if name == "pgd_l2" else {}
    curve = epsilon_curve(KEY, name, *NETWORKS, eps, chunk=4, **settings)
    expected = closed_form(eps, dual)
    assert curve.robust.shape == (S, 5, N) and curve.clean.shape == (S, N)
    np.testing.assert_array_equal(curve.robust, expected)
    np.testing.assert_array_equal(curve.clean, expected[:, 0])
    assert expected.any() and not expected.all()
    assert [row["eps"] for row in curve.settings] == eps.tolist()
    assert curve.excess.shape == (S, 5) and curve.excess.max() <= 1e-6
    assert curve.kind == "ascent"


def test_a_whole_curve_compiles_once():
    traces = []
    networks = counted(traces)

    def run(key, eps):
        epsilon_curve(key, "pgd_linf", *networks, eps, chunk=4, steps=3)

    run(KEY, np.linspace(0, 0.1, 8))
    once = len(traces)
    run(jax.random.key(1), np.linspace(0, 0.3, 8))
    assert len(traces) == once, "other radii and keys must reuse the program"
    run(KEY, np.array([0.1]))
    assert len(traces) == 2 * once, "a grid of 8 must be traced as often as one of 1"


@pytest.mark.parametrize("name", ["fgsm", "pgd_linf"])
def test_dropping_keeps_the_closed_form_and_compiles_once(name):
    eps = np.array([0.1, 0.0, 0.02, 0.2])
    traces = []
    networks = counted(traces)
    settings = {"drop": True} if name == "fgsm" else {"drop": True, "steps": 9}
    curve = epsilon_curve(KEY, name, *networks, eps, chunk=4, **settings)
    np.testing.assert_array_equal(curve.robust, closed_form(eps, 1))
    np.testing.assert_array_equal(curve.robust[:, 1], curve.clean)
    assert curve.excess.max() <= 1e-6
    assert all(row["dropped"] for row in curve.settings)
    once = len(traces)
    assert set(traces) == {4}, "attacks and predictions run in chunks"
    other = np.array([0.03, 0.3])
    epsilon_curve(jax.random.key(1), name, *networks, other, chunk=4, **settings)
    assert len(traces) == once
    assert masking_checks({name: curve})["monotone_in_eps"] is None


@pytest.mark.parametrize("chunk", [3, 64])
def test_results_do_not_depend_on_chunks(chunk):
    eps = np.array([0.0, 0.05])
    curve = epsilon_curve(KEY, "fgsm", *NETWORKS, eps, chunk=chunk)

    @jax.jit
    def right(net, radius):
        logits_fn = partial(apply, net)
        attacked = ATTACKS["fgsm"](radius)(KEY, logits_fn, jnp.asarray(IMAGES), LABELS)
        return logits_fn(attacked).argmax(-1) == LABELS

    for i in range(S):
        net = {"w": PARAMS["w"][i]}
        for j in range(2):
            np.testing.assert_array_equal(curve.robust[i, j], right(net, eps[j]))


def test_an_attack_that_leaves_its_ball_is_measured(monkeypatch):
    fgsm = ATTACKS["fgsm"]
    further = lambda eps: fgsm(eps + 0.01)._replace(ball=fgsm(eps).ball)
    monkeypatch.setattr(lookup, "_entries", dict(lookup._entries))
    register("attack", "further", further, label="further")
    eps = np.array([0.0, 0.1])
    curve = epsilon_curve(KEY, "further", *NETWORKS, eps, chunk=N)
    np.testing.assert_allclose(curve.excess, 0.01, atol=1e-6)
    assert masking_checks({"further": curve})["in_ball_and_box"] is False


def test_a_distance_minimising_attack_gives_the_whole_curve_and_distances():
    nets, how = NETWORKS, {"chunk": 4, "steps": 3}
    distances = minimal_distances(KEY, "deepfool", *nets, **how)
    signed, w = signed_scores()
    exact = np.maximum(signed, 0) / np.linalg.norm(w, axis=1)[:, None]
    np.testing.assert_allclose(distances, exact, rtol=0.03, atol=1e-4)
    eps = np.array([0.0, 0.05, 0.1, 0.2])
    curve = epsilon_curve(KEY, "deepfool", *nets, eps, **how)
    expected = distances[:, None] > eps[:, None]
    np.testing.assert_array_equal(curve.robust, expected)
    np.testing.assert_array_equal(curve.distances, distances)
    assert curve.num_classes == 2 and curve.excess.max() <= 1e-6
    dropped = epsilon_curve(KEY, "deepfool", *nets, eps, drop=True, **how)
    np.testing.assert_array_equal(dropped.robust, expected)
    assert "dropped" not in dropped.settings[0], "it runs once for all radii"
    with pytest.raises(InputError, match="'fgsm' minimises no distance"):
        minimal_distances(KEY, "fgsm", *nets, chunk=4)


@pytest.mark.slow
def test_autoattack_drops_broken_images_and_reports_components():
    eps = np.array([0.1, 0.0, 0.03])
    traces = []
    networks = counted(traces)
    how = {"chunk": 4, "steps": 4, "queries": 4}
    curve = epsilon_curve(KEY, "autoattack", *networks, eps, **how)
    np.testing.assert_array_equal(curve.robust, closed_form(eps, 1))
    assert curve.excess.max() <= 1e-6 and curve.kind == "ensemble"
    assert list(curve.components) == ["apgd_ce", "apgd_t", "fab_t", "square"]
    after = np.stack([*curve.components.values()])
    assert (after[1:] <= after[:-1]).all(), "a broken image stays broken"
    np.testing.assert_array_equal(after[-1], curve.robust)
    np.testing.assert_array_equal(after[:, :, 1], [curve.clean] * 4)
    assert (after[0] <= curve.clean[:, None]).all()
    summarise = lambda values: {"mean": values.mean()}
    part = record({"autoattack": curve}, summarise, LABELS, 2)["attacks"]["autoattack"]
    found = [value["mean"] for value in part[2]["components"].values()]
    assert found == pytest.approx(after[:, :, 2].mean((1, 2)))
    once = len(traces)
    epsilon_curve(jax.random.key(1), "autoattack", *networks, [0.02], **how)
    assert len(traces) == once, "other radii, networks and keys reuse the programs"


def test_dropping_compiles_nothing_for_another_number_of_images():
    how = {"chunk": 4, "drop": True, "steps": 3}
    run = lambda eps: epsilon_curve(KEY, "pgd_linf", *NETWORKS, np.array(eps), **how)
    run([0.01, 0.02])
    with jax.log_compiles(), compiled_programs() as names:
        run([0.03, 0.05, 0.08, 0.13])
    assert [name for name in names if "concatenate" not in name] == []


@contextmanager
def compiled_programs():
    """Names of the programs that are compiled meanwhile."""
    names = []
    handler = logging.Handler()
    handler.emit = lambda record: names.append(record.getMessage())
    logger = logging.getLogger("jax._src.interpreters.pxla")
    logger.addHandler(handler)
    try:
        yield names
    finally:
        logger.removeHandler(handler)


def test_accelerators_attack_as_many_images_as_fit():
    assert attacked_at_once(apply, PARAMS, IMAGES, 3) == 50
    with made_for("gpu"):
        assert attacked_at_once(apply, PARAMS, IMAGES, 3) == N
        with memory_of(600):  # a half, of 48 bytes an image
            few = attacked_at_once(apply, PARAMS, IMAGES, 3)
            assert 1 <= few < attacked_at_once(apply, PARAMS, IMAGES, 1) < N
