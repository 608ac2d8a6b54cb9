"""Transfer between linear networks, where every accuracy has a closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dd_jax.attacks import describe
from dd_jax.audits.robustness import epsilon_curve
from dd_jax.audits.transfer import Networks, attacked_images, curves_from, record
from dd_jax.types import InputError

KEY, N, SHAPE = jax.random.key(0), 11, (3, 2, 1)
EPS = np.array([0.0, 0.05, 0.1], np.float32)


def apply(params, images):
    """Two classes, `logits = (0, w (x - 0.5))`."""
    score = (images.reshape(len(images), -1) - 0.5) @ params["w"]
    return jnp.stack([jnp.zeros_like(score), score], -1)


def tripled(params, images):
    """Another architecture of the same decisions."""
    return 3 * apply(params, images)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    images = rng.uniform(0.3, 0.7, (N, *SHAPE)).astype(np.float32)
    weights = rng.normal(size=(5, 6)).astype(np.float32)
    groups = {
        "a": Networks(apply, {"w": jnp.asarray(weights[:2])}),
        "b": Networks(tripled, {"w": jnp.asarray(weights[2:])}),
    }
    return groups, images, np.arange(N) % 2


def closed_form(source, target, images, labels):
    """`bool[e n]`: FGSM on `source` moves the target's score by `eps sign(ws) . wt`."""
    ws, wt = (np.float64(w) for w in (source, target))
    sign = np.where(labels == 1, 1, -1)
    score = sign * ((images.reshape(N, -1) - 0.5) @ wt)
    drop = np.sign(ws) @ wt
    return (score[None] - EPS[:, None] * drop > 0) & (score > 0)


def curves_of(problem, **settings):
    groups, images, labels = problem
    return {
        (source, target): curve
        for source in groups
        for target, curve in curves_from(
            KEY, "fgsm", source, groups, images, labels, EPS, chunk=4, **settings
        ).items()
    }


def test_every_pair_has_its_closed_form(problem):
    groups, images, labels = problem
    curves = curves_of(problem)
    assert set(curves) == {(s, t) for s in "ab" for t in "ab"}
    for (source, target), curve in curves.items():
        expected = [
            closed_form(ws, wt, images, labels)
            for j, wt in enumerate(np.asarray(groups[target].params["w"]))
            for i, ws in enumerate(np.asarray(groups[source].params["w"]))
            if source != target or i != j
        ]
        np.testing.assert_array_equal(curve.robust, expected)
        np.testing.assert_array_equal(curve.clean, np.array(expected)[:, 0])
        assert [row["eps"] for row in curve.settings] == EPS.tolist()


def test_the_images_are_those_of_the_white_box_attack(problem):
    groups, images, labels = problem
    made = attacked_images(KEY, "fgsm", groups["a"], images, labels, EPS, chunk=4)
    assert made.shape == (2, 3, *images.shape)
    np.testing.assert_array_equal(made[:, 0], np.stack([images] * 2))
    curve = epsilon_curve(KEY, "fgsm", *groups["a"], images, labels, EPS, chunk=4)
    for i in range(2):
        net = {"w": groups["a"].params["w"][i]}
        seen = apply(net, made[i].reshape(-1, *SHAPE)).argmax(-1).reshape(3, N)
        np.testing.assert_array_equal(
            (seen == labels) & curve.clean[i], curve.robust[i]
        )


def test_a_single_network_has_no_pair_with_itself(problem):
    groups, images, labels = problem
    alone = {
        name: Networks(nets.apply, {"w": nets.params["w"][:1]})
        for name, nets in groups.items()
    }
    curves = curves_of((alone, images, labels))
    assert set(curves) == {("a", "b"), ("b", "a")}


def test_record_averages_over_sources_first(problem):
    groups = problem[0]
    curves = curves_of(problem)
    seen = []

    def summarise(target, values):
        seen.append((target, len(values)))
        return {"mean": float(values.mean())}

    rows = record(curves, "fgsm", groups, summarise)
    assert len(rows) == 4 * 3 and set(seen) == {("a", 2), ("b", 3)}
    row = next(r for r in rows if (r["source"], r["target"]) == ("a", "b") and r["eps"])
    assert row == describe("fgsm", row["eps"]) | {
        "source": "a",
        "target": "b",
        "attack": "fgsm",
        "eps": pytest.approx(0.05),
        "norm": "linf",
        "accuracy": {"mean": pytest.approx(curves["a", "b"].robust[:, 1].mean())},
    }


def test_an_attack_on_the_host_is_refused(problem):
    groups, images, labels = problem
    with pytest.raises(InputError, match="runs on the host; transfer takes one such"):
        attacked_images(KEY, "autoattack", groups["a"], images, labels, EPS, chunk=4)


def test_probabilities_and_bytes_are_refused(problem):
    groups, images, labels = problem
    softmax = lambda params, x: jax.nn.softmax(apply(params, x))
    of_softmax = {"a": Networks(softmax, groups["a"].params)}
    for networks, pixels, message in (
        (of_softmax, images, "attacks need logits"),
        (groups, 255 * images, "they must be floats in"),
    ):
        with pytest.raises(InputError, match=message):
            curves_from(KEY, "fgsm", "a", networks, pixels, labels, EPS, chunk=4)
