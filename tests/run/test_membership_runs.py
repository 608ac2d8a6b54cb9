"""The membership audit of whole runs: threats apart, canaries, positive control."""

import csv

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, arrays, make, npz, only_run

from dd_jax import report, run
from dd_jax.audits import privacy
from dd_jax.data import load
from dd_jax.types import InputError

ALL = {
    "audits.privacy.enabled": True,
    "audits.privacy.threats": ("t0", "t1", "t2"),
    "audits.privacy.repeats": 2,
    "audits.privacy.canaries": 4,
    "audits.privacy.query_shift": 1,
    "audits.privacy.scores": ("loss",),
}


def measured(root, **changes):
    return run.run(make(BARE | MLP | ALL, **changes), root)["privacy"]


def scores(root, name="scores"):
    return privacy.load_scores(only_run(root) / f"{name}.npz")


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """One run under all threats, with its privacy part."""
    root = tmp_path_factory.mktemp("all")
    return root, measured(root)


def test_each_pipeline_has_each_threat_or_says_that_it_is_undefined(everything):
    _, record = everything
    defined = {pipe: {t for t in part if part[t]} for pipe, part in record.items()}
    assert defined == {
        "distilled": {"t0", "t1", "t2"},
        "random_subset": {"t0", "t1", "t2"},
        "full_data": {"t2"},
    }
    assert all(set(part) == {"t0", "t1", "t2"} for part in record.values())


def test_first_images_are_a_fixed_list_shared_out(everything):
    found = scores(everything[0])
    assert found.threat == "t0"
    np.testing.assert_array_equal(np.bincount(found.labels), [4, 4, 4])  # 2 x IPC 2
    for row in found.member:
        np.testing.assert_array_equal(np.bincount(found.labels[row]), [2, 2, 2])
    train = load("digits", num_classes=3).train
    np.testing.assert_array_equal(found.labels, train.labels[found.index])


def test_owners_get_a_table_of_vulnerable_rows_which_no_report_has(everything):
    root, _ = everything
    for threat in ("t0", "t1", "t2"):
        path = only_run(root) / f"vulnerable_rows_{threat}.csv"
        with path.open() as file:
            rows = list(csv.DictReader(file))
        name = "scores" if threat == "t0" else f"scores_distilled_{threat}"
        index = scores(root, name).index
        assert sorted(int(row["row"]) for row in rows) == sorted(index)
        values = [float(row["vulnerability"]) for row in rows]
        assert values == sorted(values, reverse=True)
        assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    page = report.build(root).read_text()
    assert "vulnerable_rows" not in page


@pytest.mark.slow
def test_images_with_one_hot_labels_are_another_release_where_labels_are_soft(tmp_path):
    threats = ("t1", "t1_images")
    changes = {"audits__privacy__threats": threats, "audits__privacy__canaries": 0}
    soft = measured(tmp_path / "soft", distill__lr_labels=1.0, **changes)
    assert soft["distilled"]["t1_images"] and soft["random_subset"]["t1_images"] is None
    names = ("scores", "scores_distilled_t1_images")
    t1, images = (scores(tmp_path / "soft", name) for name in names)
    assert t1.logits.shape == images.logits.shape
    assert images.threat == "t1_images" and np.abs(t1.logits - images.logits).max() > 0
    hard = measured(tmp_path / "hard", **changes)
    assert hard["distilled"]["t1"] and hard["distilled"]["t1_images"] is None


def test_t1_and_t2_look_at_the_same_rows_and_t1_at_more_networks(everything):
    t1, t2 = (scores(everything[0], f"scores_distilled_{t}") for t in ("t1", "t2"))
    assert t1.logits.shape == t2.logits.shape and t1.logits.shape[2] == 9
    np.testing.assert_array_equal(t1.member, t2.member)
    np.testing.assert_array_equal(t1.index, t2.index)
    assert np.abs(t1.logits - t2.logits).max() > 0.01


@pytest.mark.parametrize("pipe", ["distilled", "full_data"])
def test_plain_numpy_recomputes_the_figures_of_a_record(everything, pipe):
    """As the README says, from `scores_*.npz` alone: AUC and TPR at 10 % FPR."""
    root, record = everything
    with np.load(only_run(root) / f"scores_{pipe}_t2.npz") as file:
        plain, logits = file["canary"] < 0, file["logits"].astype(float)
        member, labels = file["member"][:, plain], file["labels"][plain]
        first = int(file["shared"])
    odds = logits - logits.max(-1, keepdims=True)
    log_p = odds - np.log(np.exp(odds).sum(-1, keepdims=True))
    scores = log_p[:, plain][:, np.arange(len(labels)), :, labels].mean(-1).T
    areas = [
        np.mean((s[m][:, None] > s[~m]) + 0.5 * (s[m][:, None] == s[~m]))
        for s, m in zip(scores[first:], member[first:])
    ]
    found = record[pipe]["t2"]["loss"]
    assert found["auc"]["mean"] == pytest.approx(np.mean(areas), abs=1e-4)
    members, others = scores[member], np.sort(scores[~member])[::-1]
    cuts = [c for c in np.unique(scores) if np.mean(others >= c) <= 0.1]
    tpr = np.mean(members >= cuts[0])
    assert found["tpr_at_fpr"]["0.1"]["mean"] == pytest.approx(tpr, abs=2e-3)
    assert found["smallest_fpr"] == 1 / np.sum(~member)


def test_canaries_are_apart_and_carry_the_labels_that_models_were_given(everything):
    root, record = everything
    for threat in ("t1", "t2"):
        part = record["distilled"][threat]["loss"]
        assert set(part["canaries"]) == {"0", "1", "2"}
    assert "canaries" not in record["distilled"]["t0"]["loss"]
    found = scores(root, "scores_distilled_t2")
    train = load("digits", num_classes=3).train
    wrong = found.labels != train.labels[found.index]
    np.testing.assert_array_equal(wrong, found.canary == 0)
    np.testing.assert_array_equal(np.bincount(found.canary + 1)[1:], [4, 4, 4])


@pytest.mark.slow
def test_initial_images_that_are_not_distilled_are_found_out(tmp_path):
    """The positive control: after 0 steps the set is its initial images."""
    changes = {"model__width": 64, "audits__privacy__epochs": 60}
    record = measured(
        tmp_path,
        **changes,
        distill__steps=0,
        audits__privacy__threats=("t0",),
        audits__privacy__shadows=8,
        audits__privacy__canaries=0,
        audits__privacy__query_shift=0,
    )
    for pipe in ("distilled", "random_subset"):
        assert record[pipe]["t0"]["loss"]["auc"]["ci"][0] > 0.55


@pytest.mark.parametrize(
    "init", ["noise", pytest.param("kmeans", marks=pytest.mark.slow)]
)
def test_t0_is_undefined_unless_first_images_are_random_rows(tmp_path, init):
    record = measured(
        tmp_path,
        distill__init=init,
        distill__steps=1,
        audits__privacy__threats=("t0", "t2"),
    )
    assert record["distilled"]["t0"] is None
    assert str(scores(tmp_path).threat) == "t2"
    assert record["random_subset"]["t0"] is not None


def test_fewer_rows_are_queried_but_every_canary(tmp_path):
    measured(
        tmp_path,
        audits__privacy__rows=50,
        audits__privacy__threats=("t2",),
        audits__privacy__query_shift=0,
    )
    found = scores(tmp_path)
    assert (found.canary < 0).sum() == 50
    np.testing.assert_array_equal(np.bincount(found.canary + 1)[1:], [4, 4, 4])
    assert (np.diff(found.index) > 0).all()


@pytest.mark.slow
def test_the_hardest_rows_are_those_that_networks_find_hardest(tmp_path):
    """By another run of the same seed, too; the rows are as they were."""
    for steps in (3, 4):
        record = measured(
            tmp_path / str(steps),
            distill__steps=steps,
            audits__privacy__canary_kinds=("hardest", "near_duplicate"),
            audits__privacy__threats=("t2",),
        )
        assert set(record["full_data"]["t2"]["loss"]["canaries"]) == {"3", "4"}
    first, second = (scores(tmp_path / str(steps)) for steps in (3, 4))
    np.testing.assert_array_equal(first.canary, second.canary)
    np.testing.assert_array_equal(np.bincount(first.canary + 1)[4:], [4, 4])
    labels = load("digits", num_classes=3).train.labels
    np.testing.assert_array_equal(first.labels, labels[first.index])


WORST = {
    "audits__privacy__protocol": "canaries",
    "audits__privacy__canary_kinds": ("mislabelled", "near_duplicate", "hardest"),
}


@pytest.fixture(scope="module")
def worst(tmp_path_factory):
    """One run of the worst-case protocol under all threats."""
    root = tmp_path_factory.mktemp("worst")
    return root, measured(root, **WORST, audits__privacy__shadows=8)


@pytest.mark.slow
def test_worst_case_figures_are_of_audit_rows_in_every_pipeline(worst):
    root, record = worst
    assert record["protocol"] == {
        "audit_rows": 12,
        "shadows": 8,
        "smaller": True,
        "published": {"audit_rows": 500, "shadows": 32},
    }
    names = ["distilled_t1", "distilled_t2", "random_subset_t1", "full_data_t2"]
    for name in names:
        pipe, threat = name.rsplit("_", 1)
        found, part = scores(root, f"scores_{name}"), record[pipe][threat]["loss"]
        np.testing.assert_array_equal(np.bincount(found.canary)[[0, 3, 4]], [4] * 3)
        np.testing.assert_array_equal(found.member[::2], ~found.member[1::2])
        assert (found.member.sum(1) == 6).all()
        assert set(part["canaries"]) == {"0", "3", "4"}
        again = privacy.evaluate_membership(
            *found[:3],
            scores=("loss",),
            seed=int(found.seed),
            canary=found.canary,
            initial=found.initial,
        )
        mean = again.record["loss"]["auc"]["mean"]
        assert mean == pytest.approx(part["auc"]["mean"], abs=1e-6)
        assert ("initial_images" in part) == found.initial.any()
        assert not (found.initial & ~found.member).any()
    assert not found.initial.any()  # of the full data
    t0 = scores(root)
    assert (t0.canary >= 0).all() and not t0.initial.any()
    np.testing.assert_array_equal(t0.member[::2], ~t0.member[1::2])
    held = [np.bincount(t0.labels[row], minlength=3) for row in t0.member]
    assert (held == held[0]).all() and max(held[0]) <= 2  # IPC
    assert record["distilled"]["t0"]["loss"]["auc"]["n"] == 8


@pytest.mark.slow
def test_a_leak_of_initial_images_alone_is_found_there_alone(tmp_path):
    """After 0 steps a set is its initial images, and tells of no other row."""
    record = measured(
        tmp_path,
        **WORST | {"audits__privacy__canary_kinds": ("mislabelled",)},
        model__width=128,
        distill__steps=0,
        distill__ipc=20,
        audits__privacy__threats=("t2",),
        audits__privacy__epochs=200,
        audits__privacy__shadows=16,
        audits__privacy__canaries=60,
        audits__privacy__query_shift=0,
    )
    for pipe in ("distilled", "random_subset"):
        apart = record[pipe]["t2"]["loss"]["initial_images"]
        assert apart["used"]["auc"]["ci"][0] > 0.9
        low, high = apart["not_used"]["auc"]["ci"]
        assert low < 0.5 < high


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, known",
    [
        ({"distill__init": "noise"}, False),
        ({"distill__factor": 2}, True),
        ({"audits__privacy__joint": True, "audits__privacy__targets": 4}, True),
        ({"distill__method": "mtt", "distill__mtt__student_steps": 2}, True),
    ],
)
def test_worst_case_protocol_of_other_sets(tmp_path, changes, known):
    record = measured(
        tmp_path,
        **WORST | changes,
        audits__privacy__canaries=30,
        audits__privacy__threats=("t2",),
        audits__privacy__query_shift=0,
    )
    part = record["distilled"]["t2"]["loss"]
    assert ("initial_images" in part) == known
    assert part["auc"]["n"] == 4 and len(part["canaries"]) == 3


@pytest.mark.slow
def test_one_repeat_makes_t1_of_the_very_network_of_t2(tmp_path):
    measured(
        tmp_path,
        audits__privacy__repeats=1,
        audits__privacy__canaries=0,
        audits__privacy__threats=("t1", "t2"),
    )
    t1, t2 = scores(tmp_path), scores(tmp_path, "scores_distilled_t2")
    np.testing.assert_allclose(
        jax.nn.softmax(t1.logits), jax.nn.softmax(t2.logits), rtol=1e-4, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dm", "dsa"])
def test_joint_shadows_attack_targets_that_share_nothing(tmp_path, method):
    of_networks = {"outer_steps": 2, "epochs": 1} if method == "dsa" else {}
    record = measured(
        tmp_path,
        distill__method=method,
        **{f"distill__network__{key}": value for key, value in of_networks.items()},
        audits__privacy__joint=True,
        audits__privacy__targets=4,
        audits__privacy__canaries=0,
        audits__privacy__threats=("t2", "t0"),
        audits__privacy__query_shift=0,
    )
    found = scores(tmp_path)
    assert found.shared == 4 and len(found.member) == 8
    for threat in ("t0", "t2"):
        ours = record["distilled"][threat]["loss"]
        assert ours["auc"]["n"] == ours["shared_seed"]["auc"]["n"] == 4
        assert record["random_subset"][threat]["loss"]["auc"]["n"] == 8
    values = privacy.all_targets("loss", found.logits, found.labels, found.member)
    again = privacy.summarise(values[4:], found.member[4:], seed=int(found.seed))
    mean = record["distilled"]["t2"]["loss"]["auc"]["mean"]
    assert again["auc"]["mean"] == pytest.approx(mean)


def test_bad_requests_stop_before_any_compute(tmp_path):
    joint = {"audits__privacy__joint": True}
    for changes, message in [
        ({"audits__privacy__query_shift": 8}, "images of side 8 can be shifted by"),
        ({"audits__privacy__canaries": 100}, "at most 34 are possible"),
        (joint | {"distill__method": "kmeans"}, "no joint form; take dc, dsa, dm"),
        (joint | {"mitigate__robust__eps": 0.1}, "mitigate.robust has no joint form"),
        (
            joint | {"mitigate__fair__form": "dro", "mitigate__fair__over": "classes"},
            "mitigate.fair has no joint form",
        ),
        (WORST | {"audits__privacy__canaries": 0}, "no canaries to audit; take"),
        (WORST | {"audits__privacy__rows": 20}, "are the canaries; take .*rows=0"),
        (WORST | {"audits__privacy__canaries": 36}, "at most 34 are possible"),
        (
            WORST | {"audits__privacy__threats": ("t2",), "distill__ipc": 140},
            "that are no canaries must do for it, and the smallest class of digits has",
        ),
        (WORST | {"distill__ipc": 71}, "must do for it twice, and the smallest class"),
        (
            WORST
            | {
                "audits__privacy__canaries": 2,
                "audits__privacy__canary_kinds": ("hardest",),
            },
            "T0 compares canaries of the same class, of 3; take at least 4",
        ),
        (
            joint | {"model__name": "convnet", "model__norm": "batch"},
            "norm=batch mixes",
        ),
    ]:
        with pytest.raises(InputError, match=message):
            measured(tmp_path, **changes)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_changed_data_never_reuse_old_shadows(tmp_path):
    """Pixels of one row change: every shadow is made again, in the same folder."""
    changes = {"audits__privacy__canaries": 0, "audits__privacy__threats": ("t2",)}
    found, caches = [], []
    for pixels in ((0, 255), (255, 0), (0, 255)):
        images = arrays((8, 8, 8))["x_train"]
        images[3, 4, 4:6] = pixels  # of the same mean: the same programs
        source = npz(tmp_path / "data.npz", x_train=images, **_labels())
        record = run.run(
            make(BARE | MLP | ALL, data__source=source, data__num_classes=0, **changes),
            tmp_path / "w",
        )
        folder = tmp_path / "w" / "runs" / record["run"]["id"]
        found.append(
            {
                pipe: privacy.load_scores(folder / name).logits
                for pipe, name in [
                    ("distilled", "scores.npz"),
                    ("random_subset", "scores_random_subset_t2.npz"),
                    ("full_data", "scores_full_data_t2.npz"),
                ]
            }
        )
        caches.append({path.name for path in (tmp_path / "w" / "cache").iterdir()})
    first, changed, again = found
    for pipe in first:
        assert np.abs(first[pipe] - changed[pipe]).max() > 0
        np.testing.assert_array_equal(first[pipe], again[pipe])
    assert caches[0] < caches[1] == caches[2]
    assert len(caches[1]) == 2 * len(caches[0])


def _labels():
    return {k: v for k, v in arrays((8, 8, 8)).items() if k != "x_train"}
