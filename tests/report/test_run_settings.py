"""Settings that two runs differ in."""

import fabricate
import pytest

from dd_jax.report import markdown
from dd_jax.report.repeats import settings
from dd_jax.report.run_settings import differing


def two(first, second, **run):
    """Rows of two runs with these config keys."""
    a = fabricate.record("a" * 12, config=first)
    return differing(a, fabricate.record("b" * 12, config=second, **run))


def test_runs_of_one_config_differ_in_nothing():
    assert two({"train.lr": 0.1}, {"train.lr": 0.1}) == []


def test_keys_of_the_config_with_both_values():
    # the run part says what a default is; keys that it has are shown once
    found = two(
        {"distill.ipc": 10, "train.augment": "flip"},
        {"distill.ipc": 1, "sets": 3, "train.lr": 0.5},
        ipc=1.0,
        sets=3,
        commit="4567def",
    )
    assert found == [
        ("distill.ipc", "10", "1"),
        ("sets", "1", "3"),
        ("train.augment", "flip", "default"),
        ("train.lr", "default", "0.5"),
        ("commit", "0123abc", "4567def"),
    ]


def test_defences_are_settings():
    adversarial = {"train": 0.1, "distill": 0.0}
    a = fabricate.record(config={}, adversarial=adversarial | {"train": 0.0})
    b = fabricate.record(config={}, adversarial=adversarial)
    assert differing(a, b) == [("train.adversarial.eps", "0", "0.1")]


def test_forms_of_a_method_are_settings():
    a = fabricate.record(method="frepo")
    b = fabricate.record(method="frepo", method_form=2)
    assert differing(a, b)[-1] == ("method form", "not recorded", "2")
    assert len(set(settings([a, b]).values)) == 2
    assert len(set(settings([b, b]).values)) == 1


def test_of_paths_the_last_name_is_shown():
    found = two(
        {
            "distill.load": "/home/ada/x.npz",
            "audits.transfer.sets": ["/home/ada/a b/c"],
        },
        {"distill.load": "~/y.npz"},
        dataset="folder:/home/ada, the first/pets",
    )
    assert found == [
        ("data.source", "digits (scikit-learn)", "pets"),
        ("distill.load", "x.npz", "y.npz"),
        ("audits.transfer.sets", "c", "default"),
    ]


def test_values_that_read_alike_are_distinguished():
    found = two(
        {"distill.load": "/a/x.npz", "train.lr": 0.12345},
        {"distill.load": "/b/x.npz", "train.lr": 0.12346},
    )
    assert found == [
        ("distill.load", "x.npz", "x.npz (another one)"),
        ("train.lr", "0.12345", "0.12346"),
    ]


def test_a_record_without_config_keys_says_so():
    assert two(None, {"train.lr": 0.5}) == [
        ("other config keys", "not recorded", "recorded")
    ]


@pytest.mark.parametrize(
    "path", ["/home/ada", "/home/ada/.", "C:\\Users\\ada\\", "~ada"]
)
@pytest.mark.parametrize("source", ["", "folder:"])
def test_a_path_that_ends_at_a_home_does_not_name_its_user(path, source):
    plain, other = fabricate.record("a" * 12), fabricate.record("b" * 12)
    plain["run"]["config"] = {}
    other["run"]["config"] = {"distill.load": path, "audits.transfer.sets": [path]}
    other["run"]["dataset"] = source + path
    shown = markdown.comparison(plain, other)
    assert "distill.load" in shown and "ada" not in shown
