"""Advice on the data: each finding has its sentence, and nothing else does."""

import pytest
from fabricate import CLEAN, with_data

from dd_jax.report.data_advice import NOTHING, advice


def test_clean_data_need_nothing():
    assert advice(CLEAN) == [NOTHING]
    assert advice(with_data(groups=[{"group": 0, **dict.fromkeys(
        ("train", "validation", "test"), [1, 1])}])) == [NOTHING]  # fmt: skip


WHERE = "The rows of these images are in duplicate_rows.csv, beside the Record."
FOUND = {"rows": 5, "other_label": 0}
ONE = {"rows": 1, "other_label": 1}
SENTENCES = [
    (
        {"duplicates__exact__test": FOUND},
        "Test images that are copies of a training image: 5 (5 %). Take them out of "
        "train: networks may be right on them from memory.",
    ),
    (
        {"duplicates__exact__train": FOUND},
        "Training images that are copies of another training image: 5 (2 %). Keep one "
        "of each: where one is trained on, the membership audit takes the other for "
        "unseen.",
    ),
    (
        {"duplicates__near__validation": FOUND},
        "Validation images that look the same as a training image: 5 (5 %). Look at "
        "them, some may differ. Take them out of train: networks may be right on them "
        "from memory.",
    ),
    (
        {"imbalance__ratio": 3.0, "classes__1__train": 300},
        "Uneven classes: dog has 300 training images, cat has 100, 3.0 times fewer. A "
        "synthetic set has as many of each: read the accuracy of each class beside the "
        "mean.",
    ),
    (
        {"ipc": 11},
        "Classes with fewer than 10 training images for each of their 11 synthetic "
        "ones: cat (100). Little is saved there: a lower distill.ipc saves more and "
        "may cost accuracy; or add images.",
    ),
    (
        {"ipc": 1, "classes__0__train": 9, "imbalance__ratio": 1.0},
        "Classes with fewer than 10 training images for their synthetic one: cat (9). "
        "Little is saved there: add images.",
    ),
    (
        {"classes__1__test": 16},
        "Classes with fewer than 25 test images: dog (16). An accuracy on 16 may be "
        "off by 24 points: add images, or draw no conclusion on these classes.",
    ),
    (
        {
            "groups": [
                {"group": 3, "train": [1, 0], "validation": [1, 1], "test": [1, 1]}
            ]
        },
        "Pairs of group and class without training images: 1, such as group 3 and dog. "
        "No gap between groups is measured there: add images.",
    ),
    (
        {"images__constant": 1200},
        "Images of one colour everywhere: 1,200. Remove them.",
    ),
    (
        {"images__grey": 3},
        "Images that are grey and stored in colour: 3 of 450. Check that they are not "
        "of a few classes, which colour alone would then tell.",
    ),
    (
        {"images__grey": 450},
        "All 450 images are grey and stored in colour. Store them with one channel: "
        "networks and synthetic sets get smaller.",
    ),
    (
        {"images__enlarged": 7, "images__largest_enlargement": 2.5},
        "Images enlarged to 32x24: 7, by up to 2.5 times. This adds no detail: set "
        "data.image_size nearer to their size, or leave them out.",
    ),
    (
        {"images__stretched": 7},
        "Images of other proportions, stretched to 32x24: 7. Crop them or add margins "
        "before.",
    ),
]


@pytest.mark.parametrize("changes, sentence", SENTENCES, ids=lambda v: str(v)[:40])
def test_each_finding_has_its_sentence(changes, sentence):
    listed = [WHERE] if any("duplicates" in key for key in changes) else []
    assert advice(with_data(**changes)) == [sentence, *listed]


def test_other_labels_are_a_finding_of_their_own():
    same, label, where = advice(with_data(duplicates__exact__train=ONE))
    assert where == WHERE and same.startswith("Training images that are copies")
    assert label == (
        "Training images of which train has a copy with another label: 1 (0.4 %). Look "
        "at them: one of the labels may be wrong."
    )


def test_a_sentence_names_few_classes_the_smallest_first():
    classes = [
        {"name": f"c{i}", "train": 20 - i, "validation": 50, "test": 50}
        for i in range(6)
    ]
    (line,) = advice(with_data(classes=classes, ipc=10))
    assert ": c5 (15), c4 (16), c3 (17) and 3 more. Little" in line


def test_a_class_whose_name_is_a_number_is_said_to_be_a_class():
    changes = {"classes__0__name": "8", "ipc": 11, "imbalance__ratio": 3.0}
    uneven, few = advice(with_data(**changes))
    assert ": class 8 (100). Little" in few and "class 8 has 100" in uneven


def test_a_loaded_set_and_data_without_validation():
    part = with_data()
    del part["ipc"]
    for row in part["classes"]:
        del row["validation"]
    for of in part["duplicates"].values():
        del of["validation"]
    assert advice(part) == [NOTHING]
