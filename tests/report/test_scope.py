import fabricate
import pytest

from dd_jax.attacks import ATTACKS, describe
from dd_jax.report import headline, scope
from dd_jax.report.formats import spoken

CONFIG = {
    "train": {"epochs": 300, "full_epochs": 60},
    "audits": {"privacy": {"epochs": 100}, "robustness": {"images": 500}},
}


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ("test", "Judged on the test split, which nothing was trained"),
        ("validation", "Judged on the validation split, held out of training;"),
        (None, "does not say"),
    ],
)
def test_judged_names_the_split(split, says):
    assert says in scope.judged(fabricate.record(split=split))


def test_size_gives_both_counts_and_their_ratio():
    row = fabricate.record(ratio=0.0625)
    assert (
        scope.size(row)
        == "100 synthetic images, 10 a class, for 1,600 real ones (6.2 %)"
    )
    row["run"].pop("ratio")
    assert scope.size(row) == "100 synthetic images, 10 a class"


def test_accuracy_says_what_intervals_cover(row):
    row["accuracy"]["full_data"] |= {"ci": None, "n": 1}
    judged, distilled, subset, full = scope.accuracy(row, CONFIG)
    assert judged == scope.judged(row)
    assert distilled == (
        "Distilled: 5 nets on one synthetic set; the interval covers training anew, "
        "not distilling anew."
    )
    assert "5 nets, each on real images of its own draw" in subset
    assert full == (
        "Full data: 1 net, 60 epochs (the others: 300). A single net has no interval."
    )


def test_accuracy_of_several_sets(row):
    row["run"]["sets"] = 3
    row["accuracy"]["distilled"]["n"] = 3
    assert "3 synthetic sets, 5 nets each" in scope.accuracy(row, {})[1]


def test_membership_names_threat_shadows_and_members(row):
    threat, shadows, members, resolution = scope.membership(row, CONFIG)
    assert threat == (
        "Threat T2: an attacker has one trained model, which answers any image with "
        "its logits."
    )
    assert "16 shadow distillations" in shadows and "for 100 epochs" in shadows
    assert "only about 14 % of them" in members
    assert "down to 0.4 %, where 10 of them" in resolution  # ten times 0.0004


def test_several_threats_are_told_apart(row):
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]
    finer = fabricate.membership(0.6, 0.02) | {"smallest_fpr": 0.002}
    row["privacy"]["distilled"] |= {"t1": {"loss": attack}, "t0": {"loss": finer}}
    row["privacy"]["full_data"] |= {"t1": None, "t0": None}
    config = {"audits": {"privacy": {"epochs": 100, "repeats": 5}}}
    notes = " ".join(scope.membership(row, config))
    assert "T1 averages 5 nets" in notes
    assert "fixed list" in notes
    assert "down to 0.4 %, where 10 of them are accused (T1 and T2)" in notes
    assert "down to 2 %, where 10 of them are accused (T0)" in notes


@pytest.mark.parametrize("key", ["shared_seed", "known_randomness"])
def test_joint_shadows_are_told_from_targets(row, key):
    audit = {"epochs": 100, "joint": True, "shadows": 64, "targets": 16}
    notes = " ".join(scope.membership(row, {"audits": {"privacy": audit}}))
    assert "share their random numbers:" not in notes
    attack = row["privacy"]["distilled"]["t2"]["lira_online"]
    attack[key] = {"auc": fabricate.around(0.6, 0.02)}
    bound = " ".join(scope.membership(row, {"audits": {"privacy": audit}}))
    assert "numbers: LiRA, online on T2 has AUC 0.600 (0.580 to 0.620)." in bound
    assert "80 shadow distillations" in notes  # 16 attacked in the fabricated Record
    assert "64 of them share networks" in notes and "the other 16 share" in notes


def test_likeness_says_how_much_was_looked_at(row):
    first, *_ = scope.likeness(row)
    assert "360 training images (25 % of them" in first
    row.pop("memorisation")
    assert scope.likeness(row) == []


def test_membership_of_nothing_says_nothing(row):
    row.pop("privacy")
    assert scope.membership(row, CONFIG) == []
    assert headline.resolution(row, "t2") is None


def test_robustness_says_so_where_one_net_was_attacked(row):
    assert scope.robustness(row, {})[0].startswith("FGSM")
    for part in row["robustness"].values():
        part["clean"] |= {"ci": None, "n": 1}
    notes = scope.robustness(row, CONFIG)
    assert "One net of each kind" in notes[0] and "intervals are binomial" in notes[0]
    assert notes[1] == "At most 500 images of the test split were attacked."
    assert notes[3] == (
        "PGD Linf: 20 steps of 0.125 x radius, from a random start, 1 restart."
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_has_its_steps_told(name):
    row = describe(name, 0.1) | {"accuracy": 0.5}
    record = fabricate.record()
    record["robustness"] = {"distilled": {"attacks": {name: [row]}}}
    told = scope.robustness(record, {})[-1]
    assert told.startswith(f"{spoken(name)}: ") and "step" in told


def test_length_of_steps_is_told_where_it_is_fixed():
    rows = {name: [describe(name, 0.1)] for name in ("pgd_linf", "square")}
    record = fabricate.record()
    record["robustness"] = {"distilled": {"attacks": rows}}
    assert scope.robustness(record, {})[-2:] == [
        "PGD Linf: 20 steps of 0.125 x radius, from a random start, 1 restart.",
        "Square: 5000 steps, from a random start, 1 restart.",
    ]
