"""Names of data sets and of what others registered."""

import pytest

from dd_jax.report.display_names import (
    DATM,
    WINDOWS,
    dataset_name,
    display_name,
    run_value,
    short_name,
)


@pytest.mark.parametrize(
    "source, name",
    [
        ("digits", "digits (scikit-learn)"),
        ("idx:/usr/share/datasets/fashion-mnist", "Fashion-MNIST"),
        ("idx:fashion_mnist/", "Fashion-MNIST"),
        ("tfds:cifar10", "CIFAR-10"),
        ("tfds:svhn_cropped", "SVHN"),
        ("npz:/home/ada/scans.npz", "scans.npz"),
        ("folder:/home/ada/pets", "pets"),
        ("toy", "toy"),
        ("mine:/home/ada/pets", "My source, pets"),
        ("mine", "My source"),
        ("http://x", "http:"),
        ("digits (long tail 100)", "digits (scikit-learn) (long tail 100)"),
        (
            "npz:/home/ada/a.npz (step 1e+06, foreground colours 0.9)",
            "a.npz (step 1e+06, foreground colours 0.9)",
        ),
        ("folder:/home/ada (background colours 0)", "folder (background colours 0)"),
        ("folder:/home/ada (step brother)", "folder"),
    ],
)
def test_data_sets_are_named_as_people_do(source, name):
    labels = {"mine": "My source"}
    assert dataset_name({"run": {"dataset": source, "labels": labels}}) == name


def test_labels_of_a_record_come_first():
    record = {"run": {"labels": {"mine": "My attack"}, "method": "mine", "init": None}}
    assert display_name("mine:l2", record) == "My attack, L2"
    assert display_name("noise", record, "attack") == "Uniform noise"
    assert display_name("noise", record, "init") == "Noise"
    assert (
        run_value(record, "method") == "My attack" and run_value(record, "init") == "-"
    )
    assert display_name("unheard:of") == "unheard:of"


@pytest.mark.parametrize(
    "keys, name",
    [((), "MTT"), (("growth",), "MTT"), (("growth", "label_epoch"), "DATM")],
)
def test_trajectory_matching_with_windows_and_labels_of_experts(keys, name):
    config = {f"distill.mtt.{key}": 5 for key in keys}
    record = {"run": {"method": "mtt", "config": config}}
    assert short_name(run_value(record, "method")) == name
    assert short_name(DATM) == "DATM"
    assert (run_value(record, "method") == WINDOWS) is (keys == ("growth",))
