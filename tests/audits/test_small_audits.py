"""Accuracy, fairness, quantization and learning curve on fabricated results."""

import numpy as np
import pytest
from contexts import context, digits, network, real_set, untrained

from dd_jax import audits
from dd_jax.audits import (
    clean_accuracy,
    fairness_audit,
    learning_curve_audit,
    quantization,
)
from dd_jax.types import InputError

PIPES = {"distilled", "random_subset", "full_data"}


def logits_of(correct):
    """Logits of two networks on digits that are right on a share of each class."""
    labels = digits().test.labels
    wrong = (labels + 1) % 3
    rows = np.stack(
        [
            np.where(np.arange(len(labels)) % 10 < 10 * share, labels, wrong)
            for share in correct
        ]
    )
    return np.eye(3)[rows]


def test_accuracy_is_the_share_of_correct_rows_with_its_interval():
    logits = logits_of((1.0, 0.5))
    given, _ = context("accuracy", fields={"logits": lambda pipe: logits})
    found = clean_accuracy.measure(given)
    assert set(found) == PIPES
    labels = digits().test.labels
    expected = (logits.argmax(-1) == labels).mean(1)
    part = found["distilled"]
    assert part["mean"] == pytest.approx(expected.mean()) and part["n"] == 2
    by_class = [
        (logits.argmax(-1) == labels)[:, labels == c].mean(1).mean() for c in range(3)
    ]
    np.testing.assert_allclose(part["per_class"], by_class)


def test_fairness_has_an_induced_drop_beside_full_data():
    shares = {"full_data": (1.0, 1.0), "distilled": (0.5, 0.5)}
    pick = lambda pipe: logits_of(shares.get(pipe, (0.8, 0.8)))
    found = fairness_audit.measure(context("fairness", fields={"logits": pick})[0])
    assert "induced_drop" not in found["full_data"]
    assert found["full_data"]["class_gap"]["mean"] == 0
    drop = found["distilled"]["induced_drop"]
    assert 0.4 < drop["mean"] < 0.6 and len(drop["per_class"]) == 3
    amplified = {pipe: [*part.get("amplification", ())] for pipe, part in found.items()}
    assert amplified == {
        "distilled": ["full_data", "random_subset"],
        "random_subset": ["full_data"],
        "full_data": [],
    }
    subset = found["distilled"]["drop_from_subset"]["mean"]
    assert subset == pytest.approx(
        drop["mean"] - found["random_subset"]["induced_drop"]["mean"]
    )
    assert "by_group" not in found["distilled"]


def test_units_of_amplification_are_sets_where_there_are_several():
    """Two sets of two networks that are right everywhere, or on half of class 0."""
    labels = digits().test.labels
    half = np.where((labels == 0) & (np.arange(len(labels)) % 2 == 0), 1, labels)
    distilled = np.eye(3)[np.stack([labels, labels, half, half])]
    pick = lambda pipe: distilled if pipe == "distilled" else np.eye(3)[labels][None]
    one = real_set()
    two = one._replace(images=np.repeat(one.images, 2, 0))
    given, _ = context("fairness", sets=two, fields={"logits": pick})
    fixed = np.arange(12).reshape(4, 3)
    np.testing.assert_array_equal(
        given.units("distilled", fixed), [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]]
    )
    np.testing.assert_array_equal(given.units("full_data", fixed), fixed)
    part = fairness_audit.measure(given)["distilled"]["amplification"]["random_subset"]
    assert part["class_gap"]["n"] == 1 and part["class_gap"]["mean"] > 0.2


def test_fairness_between_groups_is_measured_where_rows_have_them():
    labels = digits().test.labels
    split = digits().test._replace(groups=np.arange(len(labels)) % 2 + 3)
    pick = lambda pipe: logits_of((1.0, 0.8))
    given, _ = context("fairness", fields={"logits": pick, "evaluation": split})
    part = fairness_audit.measure(given)["distilled"]
    assert set(part["by_group"]) == {"3", "4"}
    assert part["worst_group"]["mean"] <= part["by_group"]["3"]["mean"]
    assert {"deo_max", "deo_mean", "demographic_parity"} <= set(part)


def test_groups_that_share_no_class_are_refused():
    given, _ = context("fairness")
    fairness_audit.check(given)
    labels = given.evaluation.labels
    split = given.evaluation._replace(groups=labels)
    with pytest.raises(InputError, match="no class has test rows of two groups"):
        fairness_audit.check(given._replace(evaluation=split))


def test_quantization_trains_again_only_where_pixels_change():
    calls = []

    def train(sets, stage):
        calls.append((np.asarray(sets.images), stage))
        return untrained(2, seed=9)

    given, _ = context("quantization", fields={"train": train})
    found = quantization.measure(given)
    assert calls == [] and found["clipped"] == 0 and found["largest_change"] < 1e-7
    mean = (given.predictions("distilled") == given.evaluation.labels).mean()
    assert found["accuracy"]["mean"] == pytest.approx(mean)

    outside = given.sets._replace(images=given.sets.images * 1.5 - 0.1)
    found = quantization.measure(given._replace(sets=outside))
    ((images, stage),) = calls
    assert stage == "quantization" and found["bits"] == 8 and found["clipped"] > 0
    assert images.min() == 0 and images.max() == 1
    np.testing.assert_array_equal(np.round(images * 255), images * np.float32(255))


def test_a_learning_curve_ends_in_the_networks_of_the_run():
    sets, trained = real_set(), []

    def train(given, stage):
        trained.append(given)
        return untrained(2, seed=len(trained))

    at = {4: (sets, 3.0), 1: ("first", 1.0), 2: ("second", 2.0)}
    given, _ = context("learning_curve", fields={"sets_at": at, "train": train})
    rows = learning_curve_audit.measure(given)
    assert [(row["step"], row["seconds"]) for row in rows] == [(1, 1), (2, 2), (4, 3)]
    assert trained == ["first", "second"]
    mean = (given.predictions("distilled") == given.evaluation.labels).mean()
    assert rows[-1]["accuracy"]["mean"] == pytest.approx(mean)
    for alone in ({}, {4: (sets, 3.0)}):
        assert learning_curve_audit.measure(given._replace(sets_at=alone)) == []


def test_an_audit_of_networks_in_memory():
    networks = {pipe: untrained(2) for pipe in ("distilled", "full_data")}
    given = digits(), network(), networks
    found = audits.measure("calibration", *given, bins=4)
    assert len(found["distilled"]["reliability"]) == 4
    assert set(audits.measure("accuracy", *given)) == set(networks)
    with pytest.raises(InputError, match="'calibration' has no option 'binz'; it has"):
        audits.measure("calibration", *given, binz=4)
    with pytest.raises(InputError, match="no audit 'calibratoin'; there are accuracy"):
        audits.measure("calibratoin", *given)
    assert audits.measure("privacy", *given) == {}
