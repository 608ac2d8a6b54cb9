import fabricate
import pytest

from dd_jax.attacks import ATTACKS, describe
from dd_jax.report import headline, run_notes
from dd_jax.report.display_names import display_name
from dd_jax.report.schema import validate
from dd_jax.report.sections import accuracy_section, robustness_section
from dd_jax.report.sections.privacy_notes import explanation as membership

CONFIG = {
    "train": {"epochs": 300, "full_epochs": 60},
    "audits": {"privacy": {"epochs": 100}, "robustness": {"images": 500}},
}


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ("test", "Evaluated on the test split, which nothing was trained"),
        ("validation", "Evaluated on the validation split, held out of training;"),
        (None, "does not say"),
    ],
)
def test_the_split_is_named(split, says):
    assert says in run_notes.evaluated_on(fabricate.record(split=split))


def test_size_gives_both_counts_and_their_ratio():
    row = fabricate.record(ratio=0.0625)
    assert (
        run_notes.size(row)
        == "100 synthetic images, 10 per class, for 1,600 real images (6.2 %)"
    )
    row["run"].pop("ratio")
    assert run_notes.size(row) == "100 synthetic images, 10 per class"


def test_the_guarantee_of_a_private_set_is_a_sentence():
    row = fabricate.record()
    assert run_notes.guarantee(row) == ""
    row["run"]["differential_privacy"] = {
        "epsilon": 0.99999,
        "epsilon_of_exchange": 2.15,
        "delta": 1e-5,
        "protects": "any row",
        "mechanisms": [{"count": 50, "noise_multiplier": 26.38, "sampling": 1.0}],
    }
    assert run_notes.guarantee(validate(row)) == (
        "Differential privacy: epsilon 1 at delta 1e-05, by 50 releases at noise "
        "multiplier 26.38. Protected is any row. Labels, counts and which rows are "
        "used are public, and settings that were chosen on these rows are not "
        "accounted for. Against another row of the same class epsilon is 2.15."
    )


DP_SGD = {
    "epsilon": 0.99999,
    "steps": 3520,
    "sampling": 0.00853,
    "clip": 1.0,
    "noise_multiplier": 2.0376,
    "evaluated": [
        {"epochs": 5, "epsilon": 0.31, "accuracy": 0.71},
        {"epochs": 40, "epsilon": 0.99999, "accuracy": 0.875},
    ],
    "epsilon_at_accuracy": None,
}


@pytest.mark.parametrize(
    "epsilon, words",
    [
        (None, "It does not reach the accuracy of the set."),
        (0.31, "It is as accurate as the set once it has spent epsilon 0.31."),
    ],
)
def test_the_guarantee_has_dp_sgd_beside_the_set(epsilon, words):
    row = fabricate.record()
    row["run"]["differential_privacy"] = {
        "epsilon": 1.0,
        "epsilon_of_exchange": 2.15,
        "delta": 1e-5,
        "protects": "any row",
        "mechanisms": [],
        "dp_sgd": DP_SGD | {"epsilon_at_accuracy": epsilon},
    }
    assert run_notes.guarantee(validate(row)).endswith(
        " DP-SGD on the full data: epsilon 1, by 3520 steps at noise multiplier 2.038 "
        f"and sampling 0.85 %, gradients clipped to 1. {words}"
    )


def test_accuracy_has_dp_sgd_by_epsilon_where_it_was_measured(row):
    without = accuracy_section.means(row)
    assert [name for name, *_ in without.rows] == [
        "Distilled",
        "Random subset",
        "Full data",
    ]
    assert accuracy_section.by_epsilon(row) is None
    row["accuracy"]["dp_sgd"] = {"mean": 0.873, "ci": None, "n": 1}
    row["run"]["differential_privacy"] = {"dp_sgd": DP_SGD}
    name, accuracy, share, _ = accuracy_section.means(row).rows[-1]
    assert (name, str(accuracy), str(share)) == (
        "DP-SGD on full data",
        "87.3 %",
        "90 %",
    )
    table = accuracy_section.by_epsilon(row)
    assert [[str(cell) for cell in line] for line in table.rows] == [
        ["5", "0.310", "71.0 %"],
        ["40", "1.000", "87.5 %"],
    ]
    assert accuracy_section.explanation(row, CONFIG)[-1] == (
        "DP-SGD on full data: 1 net at the same epsilon and delta as the set. A single "
        "net has no interval."
    )


def test_accuracy_says_what_intervals_cover(row):
    row["accuracy"]["full_data"] |= {"ci": None, "n": 1}
    evaluated, distilled, subset, full = accuracy_section.explanation(row, CONFIG)
    assert evaluated == run_notes.evaluated_on(row)
    assert distilled == (
        "Distilled: 5 nets on one synthetic set; the interval covers training again, "
        "not distilling again."
    )
    assert "5 nets, each on its own random draw of real images" in subset
    assert full == (
        "Full data: 1 net, 60 epochs (the others: 300). A single net has no interval."
    )


def test_accuracy_of_several_sets(row):
    row["run"]["sets"] = 3
    row["accuracy"]["distilled"]["n"] = 3
    assert "3 synthetic sets, 5 nets each" in accuracy_section.explanation(row, {})[1]


def test_membership_names_threat_shadows_and_members(row):
    threat, shadows, members, resolution = membership(row, CONFIG)
    assert threat == (
        "Threat T2: an attacker queries one trained model, which returns its logits."
    )
    assert "16 shadow distillations" in shadows and "for 100 epochs" in shadows
    assert "only about 14 % of them" in members
    assert (
        "down to 0.4 %, which is 10 false positives" in resolution
    )  # ten times 0.0004


def test_several_threats_are_distinguished(row):
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]
    finer = fabricate.membership(0.6, 0.02) | {"smallest_fpr": 0.002}
    row["privacy"]["distilled"] |= {"t1": {"loss": attack}, "t0": {"loss": finer}}
    row["privacy"]["full_data"] |= {"t1": None, "t0": None}
    config = {"audits": {"privacy": {"epochs": 100, "repeats": 5}}}
    notes = " ".join(membership(row, config))
    assert "T1 averages 5 nets" in notes
    assert "fixed list" in notes
    assert "down to 0.4 % (T1 and T2)" in notes
    assert "down to 2 % (T0)" in notes


@pytest.mark.parametrize("key", ["shared_seed", "known_randomness"])
def test_joint_shadows_are_distinguished_from_targets(row, key):
    audit = {"epochs": 100, "joint": True, "shadows": 64, "targets": 16}
    notes = " ".join(membership(row, {"audits": {"privacy": audit}}))
    assert "share one random seed" not in notes
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]
    attack[key] = {"auc": fabricate.around(0.6, 0.02)}
    bound = " ".join(membership(row, {"audits": {"privacy": audit}}))
    assert "seed: LiRA, online on T2 has AUC 0.600 (0.580 to 0.620)." in bound
    assert "80 shadow distillations" in notes  # 16 attacked in the fabricated Record
    assert "64 of them share networks" in notes and "the other 16 have" in notes


def test_membership_of_nothing_says_nothing(row):
    row.pop("privacy")
    assert membership(row, CONFIG) == []
    assert headline.resolution(row, "t2") is None


def test_robustness_says_so_where_one_net_was_attacked(row):
    assert robustness_section.explanation(row, {})[0].startswith("FGSM")
    for part in row["robustness"].values():
        part["clean"] |= {"ci": None, "n": 1}
    notes = robustness_section.explanation(row, CONFIG)
    assert "One net of each kind" in notes[0] and "intervals are binomial" in notes[0]
    assert notes[1] == "At most 500 images of the test split were attacked."
    assert notes[3] == (
        "PGD Linf: 20 steps of 0.125 x radius, from a random start, 1 restart."
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_has_its_steps_explained(name):
    row = describe(name, 0.1) | {"accuracy": 0.5}
    record = fabricate.record()
    record["robustness"] = {"distilled": {"attacks": {name: [row]}}}
    printed = robustness_section.explanation(record, {})[-1]
    assert (
        printed.startswith(f"{display_name(name, kind='attack')}: ")
        and "step" in printed
    )


def test_length_of_steps_is_explained_where_it_is_fixed():
    rows = {name: [describe(name, 0.1)] for name in ("pgd_linf", "square")}
    record = fabricate.record()
    record["robustness"] = {"distilled": {"attacks": rows}}
    assert robustness_section.explanation(record, {})[-2:] == [
        "PGD Linf: 20 steps of 0.125 x radius, from a random start, 1 restart.",
        "Square: 5000 steps, from a random start, 1 restart.",
    ]
