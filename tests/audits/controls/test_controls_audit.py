"""The controls of a run, with untrained networks in place of trained ones."""

from types import SimpleNamespace

import numpy as np
import pytest
from contexts import context, digits, network, real_set, untrained

from dd_jax.audits.controls import controls_audit
from dd_jax.audits.controls.benchmark_scores import benchmark_scores
from dd_jax.train import predictions
from dd_jax.types import InputError

ALL = ("teacher_labels", "el2n", "grand", "forgetting", "herding", "unaugmented")
PLAIN = {"distilled": 2, "random_subset": 2, "full_data": 1}


def found(sets=None, names=ALL, **fields):
    fitted = []

    def learn(rows, nets, watch):
        for epoch in range(3):
            watch(untrained(nets, epoch), epoch, 2)

    def fit(rows, chosen, name, in_set):
        fitted.append((name, chosen, rows))
        return untrained(len(chosen), seed=len(fitted))

    plain = lambda: {pipe: untrained(count, 7) for pipe, count in PLAIN.items()}
    given = {"learn": learn, "fit": fit, "unaugmented": plain}
    given |= {"random_images": dict} | fields
    options = {"enabled": True, "names": names, "nets": 2}
    made, _ = context("controls", sets=sets, fields=given, **options)
    return controls_audit.measure(made), fitted, made


def softened(sets):
    return sets._replace(labels=0.8 * sets.labels + 0.2 / 3)


def test_it_measures_nothing_unless_it_is_enabled():
    made, _ = context("controls")
    controls_audit.check(made)
    assert controls_audit.measure(made) == {}


def test_every_control_has_as_many_networks_and_images_as_the_random_subsets():
    part, fitted, made = found()
    assert [row["name"] for row in part["controls"]] == list(ALL[:-1])
    assert all(row["accuracy"]["n"] == 2 for row in part["controls"])
    assert all(chosen.shape == (2, 6) for _, chosen, _ in fitted)
    held_out = round(0.1 * 142) + round(0.1 * 146) + round(0.1 * 142)
    rows = len(digits().train.labels)
    kept = {len(rows.images) for _, _, rows in fitted}
    assert part["held_out"] == rows - kept.pop() and not kept
    assert abs(part["held_out"] - held_out) <= 3


def test_the_form_is_taken_that_all_networks_do_best_with_on_rows_held_out():
    part, fitted, made = found(names=("el2n",))
    assert [len(chosen) for _, chosen, _ in fitted] == [2, 2]
    _, held_out = controls_audit._parts(made)
    images, labels, _ = digits().train
    right = [
        (predictions(network(), untrained(2, seed), images[held_out]) ==
         labels[held_out]).mean()
        for seed in (1, 2)
    ]  # fmt: skip
    best = ("easiest rows", "hardest rows")[int(np.argmax(right))]
    (row,) = part["controls"]
    assert row["form"] == best and fitted[np.argmax(right)][0] == f"el2n {best}"
    params = untrained(2, 1 + int(np.argmax(right)))
    shown = predictions(network(), params, made.evaluation.images)
    rate = (shown == made.evaluation.labels).mean()
    assert row["accuracy"]["mean"] == pytest.approx(rate)
    (other,) = row["others"]
    assert {row["form"], other["form"]} == {"easiest rows", "hardest rows"}
    params = untrained(2, 2 - int(np.argmax(right)))
    shown = predictions(network(), params, made.evaluation.images)
    rate = (shown == made.evaluation.labels).mean()
    assert other["accuracy"]["mean"] == pytest.approx(rate)


def test_hard_labels_are_a_control_of_soft_ones_alone():
    taught = []
    train = lambda sets, stage: taught.append(sets) or untrained(2, seed=9)
    part, *_ = found(softened(real_set()), ("teacher_labels",), train=train)
    assert part["soft"] and part["controls"][-1]["name"] == "hard_labels"
    np.testing.assert_array_equal(taught[0].labels, real_set().labels)
    assert part["scores"]["ars"] is None and part["unaugmented"] is None
    assert not found(names=("herding",))[0]["soft"]


def test_scores_compare_labels_of_the_same_kind():
    accuracy = lambda part: {r["name"]: r["accuracy"]["mean"] for r in part["controls"]}
    train = lambda sets, stage: untrained(2, seed=9)
    soft, _, made = found(softened(real_set()), train=train)
    of = lambda p: (made.predictions(p) == made.evaluation.labels).mean()
    scores = soft["scores"]
    own, full = of("distilled"), of("full_data")
    assert scores["ior"] == pytest.approx(own - accuracy(soft)["teacher_labels"])
    assert scores["hlr"] == pytest.approx(full - accuracy(soft)["hard_labels"])
    hard, *_ = found()
    assert hard["scores"]["ior"] == pytest.approx(own - of("random_subset"))
    assert hard["scores"]["hlr"] == pytest.approx(full - own)
    assert hard["scores"]["ars"] is not None
    assert soft["scores"]["ars"] is None  # those without augmentation have hard labels
    without, *_ = found(softened(real_set()), ("herding",), train=train)
    assert without["scores"] is None  # no random images with soft labels


def test_scores_of_learned_labels_compare_with_those_of_random_images():
    """Of two sets with a network each, intervals are over the sets."""
    plain = {pipe: untrained(count, 7) for pipe, count in PLAIN.items()}
    plain |= {"learned_labels": untrained(2, seed=8)}
    pipes = []
    part, _, made = found(
        softened(real_set()),
        ("teacher_labels", "unaugmented"),
        train=lambda sets, stage: untrained(2, seed=9),
        random_images=lambda: {"learned_labels": untrained(2, seed=5)},
        unaugmented=lambda: plain,
        estimate=lambda pipe, values: pipes.append(pipe) or {"mean": values.mean()},
    )
    mean = {row["name"]: row["accuracy"]["mean"] for row in part["controls"]}
    own = (made.predictions("distilled") == made.evaluation.labels).mean()
    assert mean["learned_labels"] != mean["teacher_labels"]
    assert part["scores"]["ior"] == pytest.approx(own - mean["learned_labels"])
    without = part["unaugmented"]["learned_labels"]["mean"]
    plainly = part["unaugmented"]["distilled"]["mean"] - without
    beta = (own - mean["learned_labels"] + plainly) / 2
    known = (np.exp(beta) - np.exp(-1)) / (np.e - np.exp(-1))
    assert part["scores"]["ars"] == pytest.approx(known)
    assert "learned_labels" not in pipes and "hard_labels" not in pipes


def test_scores_compare_with_random_images_of_as_many_steps():
    plain = {pipe: untrained(count, 7) for pipe, count in PLAIN.items()}
    plain |= {"same_steps": untrained(2, seed=8)}
    part, _, made = found(
        names=("unaugmented",),
        random_images=lambda: {"same_steps": untrained(2, seed=5)},
        unaugmented=lambda: plain,
    )
    (row,) = part["controls"]
    assert row["name"] == "same_steps" and row["accuracy"]["n"] == 2
    assert set(part["unaugmented"]) == {*PLAIN, "same_steps"}
    labels = made.evaluation.labels
    rate = lambda params: float(
        (predictions(network(), params, made.evaluation.images) == labels).mean()
    )
    own = (made.predictions("distilled") == labels).mean()
    assert part["scores"]["ior"] == pytest.approx(own - rate(untrained(2, seed=5)))
    full = (made.predictions("full_data") == labels).mean()
    without = rate(plain["distilled"]), rate(plain["same_steps"])
    expected = benchmark_scores(full, own, own, row["accuracy"]["mean"], without)
    assert part["scores"]["ars"] == pytest.approx(expected.ars)


def test_controls_have_as_many_images_as_the_set_is_stored_as():
    """A set whose stored images hold four each, as those of IDC do."""
    decoded = real_set(ipc=8)
    made, _ = context("controls", sets=decoded)
    assert made.ipc == 8
    fitted = []
    fields = {
        "ipc": 2,
        "random_images": dict,
        "learn": lambda rows, nets, watch: [
            watch(untrained(nets, e), e, 2) for e in range(3)
        ],
        "fit": lambda rows, chosen, name, in_set: (
            fitted.append(chosen) or untrained(len(chosen))
        ),
    }
    given = {"enabled": True, "names": ("herding",)}
    made, _ = context("controls", sets=decoded, fields=fields, **given)
    controls_audit.measure(made)
    assert {chosen.shape for chosen in fitted} == {(2, 6)}


def test_nothing_is_scored_where_no_control_has_real_rows():
    fail = lambda *_: pytest.fail("trained")
    part, *_ = found(names=("unaugmented",), learn=fail, fit=fail)
    assert part["controls"] == [] and part["held_out"] == 0


def test_small_classes_keep_their_images():
    made, _ = context("controls", enabled=True)
    least = int(np.bincount(digits().train.labels).min())
    kept, held_out = controls_audit._parts(made._replace(ipc=least - 1))
    assert np.bincount(digits().train.labels[kept]).min() >= least - 1
    assert len(held_out) >= 1 and not set(kept) & set(held_out)
    tight = made._replace(
        options=SimpleNamespace(**vars(made.options) | {"holdout": 1e-3})
    )
    with pytest.raises(InputError, match="holdout=0.001: with 2 .* no training row is"):
        controls_audit._parts(tight)
    with pytest.raises(InputError, match="class . has 1.. training images and the set"):
        controls_audit.check(made._replace(ipc=least + 1))


def test_the_holdout_follows_from_the_seed_alone():
    made, _ = context("controls", enabled=True)
    again, _ = context("controls", enabled=True)
    one, other = (controls_audit._parts(m)[1] for m in (made, again))
    np.testing.assert_array_equal(one, other)
