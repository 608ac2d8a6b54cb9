"""Scores of rows and the coresets chosen by them, against loops and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contexts import digits, network, untrained
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dd_jax.audits.controls import teachers
from dd_jax.audits.controls.benchmark_scores import benchmark_scores
from dd_jax.audits.controls.control_forms import SCORES, control_forms
from dd_jax.audits.controls.coresets import ENDS, by_herding, by_score
from dd_jax.audits.controls.row_scores import forgetting, gradient_norms
from dd_jax.audits.privacy.el2n import el2n
from dd_jax.train.evaluate import logits_of_each
from dd_jax.types import Split


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 3), st.just(4))))
@settings(deadline=None)
def test_forgetting_counts_as_a_loop_does(correct):
    expected = np.zeros(4)
    for network_of in range(correct.shape[1]):
        for row in range(4):
            seen = correct[:, network_of, row]
            lost = sum(a and not b for a, b in zip(seen, seen[1:]))
            expected[row] += lost if seen.any() else len(seen)
    np.testing.assert_allclose(forgetting(correct), expected / correct.shape[1])


def test_gradient_norms_are_those_of_one_row_after_another():
    model, params = network(), untrained(2)
    images, labels = (part[:37] for part in digits().train[:2])  # no whole batches
    found = gradient_norms(model, params, images, labels)

    def norm(i, row):
        one = jax.tree.map(lambda leaf: leaf[i], params)

        def loss(trainable):
            logits = model.apply(model.with_trainable(one, trainable), images[[row]])
            return -jax.nn.log_softmax(logits[0])[labels[row]]

        flat, _ = jax.flatten_util.ravel_pytree(jax.grad(loss)(model.trainable(one)))
        return float(jnp.linalg.norm(flat))

    images = images / np.float32(255)
    expected = [np.mean([norm(0, row), norm(1, row)]) for row in range(37)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@given(
    arrays(np.float64, 12, elements=st.integers(-3, 3)),
    st.sampled_from(ENDS),
    st.integers(1, 3),
)
@settings(deadline=None)
def test_a_coreset_has_the_rows_at_one_end_of_each_class(scores, end, ipc):
    labels = np.arange(12) % 3
    for c, rows in enumerate(
        by_score(scores, labels, 3, ipc, end, np.random.default_rng(0))
    ):
        assert len(set(rows)) == ipc and (labels[rows] == c).all()
        others = scores[np.setdiff1d(np.flatnonzero(labels == c), rows)]
        if end == "hardest":
            assert scores[rows].min() >= others.max(initial=-np.inf)
        else:
            assert scores[rows].max() <= others.min(initial=np.inf)


def test_rows_of_equal_scores_are_drawn():
    labels = np.zeros(50, int)
    drawn = [
        by_score(np.ones(50), labels, 1, 5, "easiest", np.random.default_rng(seed))
        for seed in (0, 0, 1)
    ]
    assert (drawn[0] == drawn[1]).all() and (drawn[0] != drawn[2]).any()
    assert drawn[0].max() > 5


def test_herding_starts_at_the_mean_of_each_class():
    features = np.array([[0.0], [4.0], [9.0], [50.0], [54.0], [59.0]], np.float32)
    rows = by_herding(features, np.array([0, 0, 0, 1, 1, 1]), 2, 1)
    assert rows.tolist() == [[1], [4]]


def test_a_watched_network_gives_what_its_epochs_show():
    rows = Split(*(part[:30] for part in digits().train[:2]), None)
    shown = [untrained(2, seed) for seed in range(11)]

    def learn(watch):
        for epoch, params in enumerate(shown):
            watch(params, epoch, 10)

    seen = teachers.learned(learn, network(), rows, gradients=True)
    logits = [logits_of_each(network(), params, rows.images) for params in shown]
    right = np.stack([np.argmax(z, -1) == rows.labels for z in logits[1:]])
    np.testing.assert_array_equal(seen.scores["forgetting"], forgetting(right))
    early = np.asarray(logits[1])  # a tenth of ten epochs
    np.testing.assert_allclose(seen.scores["el2n"], el2n(early, rows.labels))
    assert teachers.teacher_epochs(10) == [1, 2, 3, 5, 10]
    assert list(seen.teachers) == ["1", "2", "3", "5", "10"]
    for epoch, labels in seen.teachers.items():
        expected = jax.nn.softmax(logits[int(epoch)][0])
        np.testing.assert_allclose(labels, expected, rtol=1e-5)
    assert seen.features.shape[0] == 30


def test_every_control_is_as_large_as_the_set_and_has_its_rows_by_class():
    labels = np.arange(40) % 4
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(4), 40).astype(np.float32)
    seen = teachers.Learned(
        {name: rng.normal(size=40) for name in SCORES},
        rng.normal(size=(40, 5)).astype(np.float32),
        {"1": probabilities, "4": probabilities},
    )
    names = ("teacher_labels", *SCORES, "herding", "unaugmented")
    found = control_forms(names, seen, labels, 4, 3, 5, rng)
    assert list(found) == list(names[:-1])
    for name, forms in found.items():
        assert len(forms) == (1 if name == "herding" else 2)
        for form in forms:
            assert form.rows.shape == (5, 12)
            of_class = np.sort(labels[form.rows], axis=1)
            assert (of_class == np.repeat(np.arange(4), 3)).all()
            same = (form.rows == form.rows[0]).all()
            assert same == (name != "teacher_labels")
            soft = form.labels is probabilities
            assert soft == (name == "teacher_labels")
    assert not control_forms((), seen, labels, 4, 3, 5, rng)


def test_scores_of_the_benchmark():
    """LRS at alpha = -0.1 and ARS at beta = 0: the values of its formulas by hand."""
    found = benchmark_scores(0.9, 0.8, 0.7, 0.8, (0.6, 0.5))
    assert found.hlr == pytest.approx(0.1) and found.ior == pytest.approx(-0.1)
    assert found.lrs == pytest.approx(0.2285, abs=5e-5)
    assert found.ars == pytest.approx(0.2689, abs=5e-5)
    assert benchmark_scores(0.9, 0.8, 0.7, 0.8).ars is None
    assert benchmark_scores(0.0, 1.0, 1.0, 0.0).lrs == pytest.approx(1)
    assert benchmark_scores(1.0, 0.0, 0.0, 1.0).lrs == pytest.approx(0)
