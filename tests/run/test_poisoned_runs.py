"""Runs that put a backdoor into their sets, and runs that look for one."""

import numpy as np
import pytest
from alike import assert_alike
from tiny import BARE, MLP, flags, launch, make, only_run

from dd_jax import report, run
from dd_jax.report import schema
from dd_jax.run.one_run import prepared
from dd_jax.types import InputError

POISONED = BARE | MLP | {"backdoor.rate": 0.1, "backdoor.target": 1, "sets": 2}
SEARCHED = {
    "audits.poison.enabled": True,
    "audits.poison.images": 20,
    "audits.poison.steps": 5,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("poisoned")


@pytest.fixture(scope="module")
def record(root):
    return run.run(make(POISONED | SEARCHED), root)


def test_both_parts_are_in_the_record_and_the_report(record, root):
    schema.validate(record)
    own, searched = record["backdoor"], record["poison"]
    assert (own["target"], own["size"]) == (1, 3)
    assert own["distilled"]["success"]["n"] == 2  # sets
    assert own["distilled"]["accuracy"] == {
        key: record["accuracy"]["distilled"][key] for key in ("mean", "ci", "n")
    }
    assert len(searched["classes"]) == 3 and searched["networks"] == 4
    page = report.build(root).read_text()
    assert "put a backdoor into its own set" in page and "Anomaly index" in page


def test_the_triggers_are_beside_the_sets(record, root):
    folder = only_run(root)
    with np.load(folder / "trigger.npz") as file:
        assert file["patches"].shape == (2, 3, 3, 1)
        assert not np.array_equal(*file["patches"])
    assert record["artifacts"]["trigger"] == "trigger.npz"


def test_a_loaded_set_is_searched_and_has_no_part_of_its_own(record, root, tmp_path):
    path = str(only_run(root) / "synthetic.npz")
    loaded = run.run(make(BARE | MLP | SEARCHED, distill__load=path), tmp_path)
    assert "backdoor" not in loaded and "poison" in loaded


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"backdoor.target": 3}, "backdoor.target=3: .* classes 0 to 2"),
        ({"backdoor.size": 9}, "backdoor.size=9: larger than images of 8x8"),
        ({"mitigate.fair.form": "dro", "mitigate.fair.over": "classes"}, "form=none"),
        (
            {"distill.init": "balanced"} | {"data.groups": "clusters:2"},
            "stamped images have no group",
        ),
        ({"distill.method": "random"}, "random matches no real images.*take one of"),
        ({"distill.method": "mtt"}, "mtt matches no real images.*take one of"),
        ({"backdoor.rate": 0.5}, "backdoor.rate=0.5: would stamp 12 of the 24"),
    ],
)
def test_impossible_backdoors_are_refused_in_a_line(changes, words):
    with pytest.raises(InputError, match=words):
        prepared(make(POISONED | changes))


def test_joint_shadows_and_loaded_sets_are_refused(record, root):
    joint = {"audits.privacy.enabled": True, "audits.privacy.joint": True}
    with pytest.raises(InputError, match="a backdoor has no joint form"):
        prepared(make(POISONED | joint))
    load = {"distill.load": str(only_run(root) / "synthetic.npz"), "sets": 1}
    with pytest.raises(InputError, match="made already; take 0"):
        prepared(make(POISONED | load))


@pytest.mark.parametrize(
    "changes",
    [
        {"mitigate.robust.eps": 0.1},
        {"mitigate.curvature.weight": 0.1},
        {"mitigate.fair.form": "dro", "mitigate.fair.over": "classes"},
        {"mitigate.fair.form": "balanced"},
        {"distill.allocation": (1, 2, 3)},
    ],
)
def test_a_loaded_set_cannot_be_made_otherwise(record, root, changes):
    load = {"distill.load": str(only_run(root) / "synthetic.npz"), "sets": 1}
    with pytest.raises(InputError, match=f"{min(changes)}=.* is made already; take"):
        prepared(make(POISONED | load | {"backdoor.rate": 0.0} | changes))


def test_bad_input_ends_with_status_2(tmp_path, capsys):
    given = flags(POISONED, **{"backdoor.target": 7})
    assert launch(f"--workdir={tmp_path}", *given) == 2
    assert "backdoor.target=7" in capsys.readouterr().err


@pytest.mark.slow
def test_several_devices_give_the_same_figures(record, root, tmp_path):
    """After few steps masks are nearly alike, and their index divides by the spread."""
    run.run(make(POISONED | SEARCHED, devices=2), tmp_path)
    assert_alike(root, tmp_path, tolerance=1e-2)
