"""The numbers of the three checks, by hand."""

import pytest
from decision_cells import BOUNDS, EPS, cell
from fabricate import around, membership

from dd_jax.catalogue.decision_thresholds import THRESHOLDS
from dd_jax.report.blocks import Text
from dd_jax.report.decision.candidates import candidates
from dd_jax.report.decision.check_parts import MEASURES, part
from dd_jax.report.decision.check_sentences import sentence
from dd_jax.report.decision.decided import Settings, decide
from dd_jax.report.decision.decision_page import page
from dd_jax.report.decision.language import Language

ENGLISH = Language("en")


def of(name, *repeats):
    return part(name, repeats, *BOUNDS[name])


def one(row):
    return candidates([row], BOUNDS)[0]


def test_every_threshold_has_a_measure():
    assert list(MEASURES) == [threshold.name for threshold in THRESHOLDS]


@pytest.mark.parametrize(
    "name, changes, mean, colour",
    [
        ("accuracy_loss", {}, 0.005, "green"),
        ("accuracy_loss", {"accuracy": 0.94}, 0.03, "amber"),
        ("accuracy_loss", {"accuracy": 0.8}, 0.17, "red"),
        ("class_gap", {"gap": 0.3}, 0.25, "red"),
        ("class_gap", {"gap": 0.3, "full_gap": 0.28}, 0.02, "green"),
        ("membership_auc", {"auc": 0.58}, 0.58, "amber"),
        ("membership_auc", {"auc": 0.3}, 0.7, "red"),
        ("membership_tpr", {"tpr": 0.03}, 0.03, "amber"),
        ("membership_tpr", {"tpr": 0.2}, 0.2, "red"),
        ("robust_accuracy_loss", {"robust": 0.6}, 0.14, "amber"),
        ("robust_accuracy_loss", {"robust": 0.8}, -0.06, "green"),
    ],
)
def test_numbers_and_colours_by_hand(name, changes, mean, colour):
    changes = {"half": 0.001} | changes
    if name == "membership_auc":
        row = cell(**changes)
        row["privacy"]["distilled"]["t2"]["lira_online"]["auc"] = around(
            changes["auc"], 0.01
        )
        found = of(name, row)
    else:
        found = of(name, cell(**changes))
    assert found.value["mean"] == pytest.approx(mean)
    assert (found.colour, found.why) == (colour, "")


def test_interval_of_a_loss_is_that_of_a_difference():
    loss = of("accuracy_loss", cell(accuracy=0.94, full=0.97, half=0.003)).value
    half = 0.003 * 2**0.5
    assert loss["ci"] == pytest.approx([0.03 - half, 0.03 + half])


def test_the_gain_over_a_random_subset_is_beside_the_loss():
    gain = of("accuracy_loss", cell(half=0.003)).found["gain"]
    half = 0.003 * 2**0.5
    assert gain["mean"] == pytest.approx(0.1)
    assert gain["ci"] == pytest.approx([0.1 - half, 0.1 + half])


def test_repeats_are_pooled_and_give_single_networks_an_interval():
    rows = [cell(accuracy=0.9 + 0.01 * seed, seed=seed) for seed in range(3)]
    for row in rows:
        row["accuracy"]["full_data"] |= {"ci": None, "n": 1}
    assert of("accuracy_loss", rows[0]).why == "single"
    found = of("accuracy_loss", *rows)
    assert found.value["mean"] == pytest.approx(0.06) and found.value["n"] == 3
    assert found.colour == "amber"


@pytest.mark.parametrize("name", MEASURES)
def test_what_was_not_measured_is_unknown(name):
    bare = cell(parts=())
    del bare["fairness"], bare["accuracy"]["full_data"]
    found = of(name, bare)
    assert (found.colour, found.why, found.value) == ("unknown", "not_measured", None)


def test_the_strongest_attack_decides_and_its_baselines_are_beside_it():
    row = cell()
    row["privacy"]["distilled"]["t0"] = {"rmia": membership(0.7, 0.2)}
    row["privacy"]["full_data"]["t0"] = {"rmia": membership(0.65, 0.1)}
    found = of("membership_auc", row)
    assert (found.colour, found.found["threat"], found.found["score"]) == (
        "red",
        "t0",
        "rmia",
    )
    assert found.found["beside"] == {"full_data": around(0.65, 0.02, 16)}
    assert found.found["attacks"] == 2


def test_the_attack_with_the_highest_mean_is_named_where_another_counts():
    row = cell(tpr=0.014)
    noisy = membership(0.5, 0.008)
    noisy["tpr_at_fpr"]["0.01"] |= {"ci": [0.002, 0.03]}
    row["privacy"]["distilled"]["t2"]["loss"] = noisy
    found = of("membership_tpr", row)
    assert (found.colour, found.found["score"]) == ("amber", "loss")
    highest = found.found["highest"]
    assert (highest["score"], highest["value"]["mean"]) == ("lira_online", 0.014)
    assert "Loss threshold" in sentence(ENGLISH, one(row), found)
    said = "the highest mean is that of LiRA, online (T2, released model): 1.4 % (95 %"
    assert said in sentence(ENGLISH, one(row), found)
    assert of("membership_tpr", cell()).found["highest"] is None


def test_an_attack_below_guessing_counts_with_its_answers_inverted():
    row = cell(auc=0.45)
    found = of("membership_auc", row)
    assert found.found["inverted"] and found.value["mean"] == pytest.approx(0.55)
    assert "as they are, its AUC is 0.450" in sentence(ENGLISH, one(row), found)
    assert not of("membership_auc", cell()).found["inverted"]
    texts = [
        block.text
        for block in dict(page(decide([row], Settings(BOUNDS)))["sections"])[
            "Settings compared"
        ]
        if isinstance(block, Text)
    ]
    assert any("answers inverted" in text for text in texts)


def test_an_attack_whose_rate_is_not_resolved_outweighs_a_green_one():
    row = cell(tpr=0.011)
    weak = membership(0.5, 0.01)
    weak["tpr_at_fpr"]["0.01"] = {"mean": None, "ci": None, "resolved": False}
    row["privacy"]["distilled"]["t0"] = {"loss": weak}
    found = of("membership_tpr", row)
    assert (found.colour, found.why) == ("unknown", "unresolved")
    assert found.found["resolves"] == pytest.approx(0.004)


@pytest.mark.parametrize(
    "name, change, why",
    [
        ("membership_auc", {"accuracy": 0.1, "full": 0.102}, "chance"),
        ("accuracy_loss", {"accuracy": 0.99}, "no_bound"),
        ("class_gap", {"accuracy": 0.99}, "no_bound"),
        ("robust_accuracy_loss", {"robust": 0.09, "full_robust": 0.1}, "floor"),
    ],
)
def test_a_green_that_means_nothing_is_unknown(name, change, why):
    found = of(name, cell(**change))
    assert (found.colour, found.why) == ("unknown", why)


def test_a_check_for_gradient_masking_holds_against_green_alone():
    for robust, colour, why in ((0.72, "unknown", "masked"), (0.4, "red", "")):
        row = cell(robust=robust)
        row["robustness"]["distilled"]["checks"]["monotone_in_eps"] = False
        found = of("robust_accuracy_loss", row)
        assert (found.colour, found.why) == (colour, why)
        assert found.found["eps"] == EPS


def test_classes_that_lose_most_are_named():
    row = cell()
    row["run"]["class_names"] = ["cat", "dog", "owl"]
    row["accuracy"]["full_data"]["per_class"] = [0.9, 0.9, 0.9]
    row["accuracy"]["distilled"]["per_class"] = [0.9, 0.6, 0.7]
    lost = of("class_gap", row).found["lost"]
    assert [name for name, _ in lost] == ["dog", "owl"]
    assert [loss for _, loss in lost] == pytest.approx([0.3, 0.2])
