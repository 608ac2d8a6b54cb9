"""Whole runs on several devices equal those on one."""

import os
import subprocess
import sys

import pytest
from alike import ALL_AUDITS, SETS, SMALL, assert_alike
from tiny import BARE, MLP, ROOT, TINY, flags, launch, make, only_run

from dd_jax import run
from dd_jax.catalogue import rules
from dd_jax.config.fields import fields
from dd_jax.runtime import checkpoint
from dd_jax.runtime.devices import spread
from dd_jax.system import workdir


def one_and_several(tmp_path, values, devices, by="pmap"):
    one, several = tmp_path / "one", tmp_path / "several"
    run.run(make(values), one)
    with spread(backend=by):
        found = run.run(make(values | {"devices": devices}), several)
    assert found["run"]["devices"] == devices
    assert_alike(one, several, tolerance=1e-5)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A run of several sets that learn together, on one device."""
    root = tmp_path_factory.mktemp("one")
    run.run(make(SETS), root)
    return root


@pytest.mark.slow
def test_a_run_of_the_launcher_on_two_devices(one, tmp_path):
    assert launch(*flags(SETS), "--config.devices=2", f"--workdir={tmp_path}") == 0
    found = workdir.read_json(only_run(tmp_path) / "record.json")
    assert found["run"]["devices"] == 2
    assert_alike(one, tmp_path)


# Of attacks one, as each on devices is a test of its own.
AUDITS = ALL_AUDITS | {"audits.robustness.attacks": ("pgd_linf",)}


@pytest.mark.slow
def test_every_audit(tmp_path):
    one_and_several(tmp_path, AUDITS, 4)


@pytest.mark.slow
def test_a_selection_with_its_shadows(tmp_path):
    privacy = {"audits.privacy.enabled": True, "distill.method": "herding"}
    one_and_several(tmp_path, SETS | privacy, 2)


@pytest.mark.slow
def test_the_worst_case_protocol(tmp_path):
    values = {
        "audits.privacy.enabled": True,
        "audits.privacy.protocol": "canaries",
        "audits.privacy.canaries": 8,
        "audits.privacy.canary_kinds": ("mislabelled", "near_duplicate", "hardest"),
        "audits.privacy.threats": rules.THREATS,
    }
    one_and_several(tmp_path, BARE | MLP | values, 2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dm", "rded"])
def test_labels_of_a_teacher_and_of_views(tmp_path, method):
    taught = {"distill.labels": "teacher", "distill.teacher.bytes": 200, "sets": 2}
    values = BARE | MLP | taught | {"train.augment": "scale", "distill.method": method}
    one_and_several(tmp_path, values, 2)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mtt", "idc", "frepo"])
def test_every_kind_of_method_with_its_shadows(tmp_path, method):
    """Experts; several images in one; networks that are trained on."""
    off = {"audits.robustness.enabled": False, "audits.memorisation.enabled": False}
    values = TINY | MLP | SMALL | off | {"distill.method": method}
    one_and_several(tmp_path, values, 2)


@pytest.mark.slow
def test_joint_shadows_and_several_sets_by_shard_map(tmp_path):
    """Of a method with an inner loop."""
    off = {"audits.robustness.enabled": False, "audits.memorisation.enabled": False}
    joint = {"audits.privacy.joint": True, "audits.privacy.targets": 4}
    values = TINY | SMALL | off | joint | {"distill.method": "dsa", "sets": 3}
    one_and_several(tmp_path, values, 4, "shard_map")


def test_devices_change_no_run_id():
    values = make(TINY)
    assert run.prepared(values).id == run.prepared(make(TINY, devices=2)).id
    assert not fields()["devices"].changes_results


def test_devices_beyond_those_that_exist(tmp_path, capsys):
    arguments = *flags(TINY), "--config.devices=9", f"--workdir={tmp_path / 'new'}"
    assert launch(*arguments) == 2
    assert "devices=9: this process has 8 (cpu)" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "before, after, tolerance",
    [
        (8, 1, 1e-5),  # eight share the work of each set
        (2, 1, 0.0),
        (1, 4, 0.0),
    ],
)
def test_a_run_goes_on_with_another_number_of_devices(
    one, tmp_path, monkeypatch, before, after, tolerance
):
    save, saves = checkpoint.Checkpoints.save, []

    def stop_at_the_second(self, *arguments):
        save(self, *arguments)
        saves.append(arguments[0])
        if len(saves) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint.Checkpoints, "save", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            run.run(make(SETS | {"devices": before}), tmp_path)
    found = run.run(make(SETS | {"devices": after}), tmp_path)
    assert found["run"].get("devices_of_a_set") == {1: None, 4: 1, 8: 8}[after]
    assert_alike(one, tmp_path, tolerance)


AS_ON_ACCELERATORS = """
import sys
from tiny import TINY, make
from dd_jax import run
from dd_jax.runtime.platform import made_for

root, devices = sys.argv[1], int(sys.argv[2])
with made_for("gpu"):
    small = {"sets": 3, "devices": devices, "audits.memorisation.enabled": False}
    run.run(make(TINY | small | {"audits.quantization.enabled": False}), root)
"""


@pytest.mark.slow
def test_several_devices_in_the_form_of_accelerators(tmp_path):
    """Models of a device at once, in place of one after another as on CPU."""
    for root, devices in (("one", "1"), ("several", "2")):
        code = [sys.executable, "-c", AS_ON_ACCELERATORS, str(tmp_path / root), devices]
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        subprocess.run(code, check=True, env=os.environ | {"PYTHONPATH": paths})
    assert_alike(tmp_path / "one", tmp_path / "several", tolerance=1e-5)
