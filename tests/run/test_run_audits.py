"""Every audit in one run: parts of the Record and of the report, caches, kills."""

import functools
from pathlib import Path

import numpy as np
import pytest
from tiny import BARE, MLP, make

from dd_jax import catalogue, distill, report, run
from dd_jax.audits import corruptions, robustness, transfer
from dd_jax.audits.corruptions import CORRUPTIONS
from dd_jax.types import InputError, SyntheticSet

PIPES = {"distilled", "random_subset", "full_data"}
SMALL = BARE | MLP | {"distill.steps": 2, "train.epochs": 2, "train.full_epochs": 1}
ATTACKS = {
    "audits.robustness.enabled": True,
    "audits.robustness.checks": True,
    "audits.robustness.attacks": ("fgsm", "pgd_linf"),
    "audits.robustness.images": 5,
    "audits.robustness.adaptive_steps": 2,
    "audits.robustness.queries": 2,
    "audits.robustness.draws": 2,
    "audits.transfer.enabled": True,
    "audits.corruptions.enabled": True,
    "audits.corruptions.images": 5,
}
EVERY = (  # but for those whose parts test_record.py sees
    SMALL
    | ATTACKS
    | {
        "audits.robustness.checks": False,  # test_robust_runs.py has them
        "audits.robustness.attacks": ("fgsm",),
        "audits.learning_curve.eval_steps": 1,
        "audits.transfer.architectures": ("lenet",),
        "audits.transfer.methods": ("random",),
    }
)


def page(root) -> str:
    text = Path(report.build(root)).read_text()
    return " ".join(text.replace("&nbsp;", " ").split())


def set_of(path, classes=3, metadata=None):
    """A file of six synthetic images."""
    rng = np.random.default_rng(0)
    labels = np.eye(classes)[np.arange(6) % classes]
    one = SyntheticSet(rng.random((6, 8, 8, 1)), labels, np.float32(0.01), metadata)
    distill.save(path, one)
    return str(path)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A run with every audit that costs more than the default ones, with its folder."""
    root = tmp_path_factory.mktemp("every")
    made_by = {"config": {"distill": {"method": "herding", "init": "real"}}}
    path = set_of(root / "set.npz", metadata=made_by)
    values = EVERY | {"audits.transfer.sets": (path,)}
    return root, values, run.run(make(values), root / "w")


@pytest.mark.slow
def test_every_audit_has_its_part(everything):
    parts = set(everything[2]) - {"run", "cost", "artifacts"}
    others = {"fairness", "calibration", "quantization", "memorisation", "privacy"}
    others |= {"distribution", "attributes", "data", "backdoor", "poison", "controls"}
    # others have test files of their own
    assert parts == set(catalogue.names("audit")) - others


@pytest.mark.slow
def test_every_part_is_in_the_report(everything):
    text = page(everything[0] / "w")
    for words in (
        "mean corruption error, full data = 1",
        "Source, target; PGD Linf at 0.1",
        "set 1, herding",
        "other sets and networks for transfer",
    ):
        assert words in text, words


@pytest.mark.slow
def test_corruptions_are_of_every_kind(everything):
    found = everything[2]["corruptions"]
    assert set(found) == PIPES | {"mce", "images"} and found["images"] == 5
    for pipe in PIPES:
        assert set(found[pipe]) == {"clean", *CORRUPTIONS}
        assert all(len(found[pipe][name]) == 5 for name in CORRUPTIONS)
        estimate = found[pipe]["fog"][4]
        right = estimate["mean"] * 5 * estimate["n"]
        assert right == pytest.approx(np.round(right))
    assert found["mce"]["full_data"]["mean"] == pytest.approx(1)


@pytest.mark.slow
def test_transfer_reaches_other_architectures_methods_and_sets(everything):
    root, values, record = everything
    groups = PIPES | {"lenet", "random", "set 1, herding"}
    pairs = {(row["source"], row["target"]) for row in record["transfer"]}
    # one network each, hence no siblings
    assert pairs == {(a, b) for a in groups for b in groups if a != b}
    assert record["cost"]["transfer_seconds"] > 0
    moved = root / "elsewhere.npz"
    moved.write_bytes((root / "set.npz").read_bytes())
    again = values | {"audits.transfer.sets": (str(moved),)}
    assert run.prepared(make(again)).id == record["run"]["id"]


def test_sets_to_transfer_from_are_checked_before_any_compute(tmp_path):
    path = set_of(tmp_path / "two.npz", classes=2)
    changes = {"audits.transfer.enabled": True, "audits.transfer.sets": (path,)}
    with pytest.raises(InputError, match="images of 2 classes; digits has"):
        run.run(make(SMALL | changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_baselines_are_attacked_once_for_all_methods(tmp_path, monkeypatch, capsys):
    """And again where a file is damaged, which a line says, or options differ."""
    base = SMALL | {"audits.robustness.enabled": True}
    first = run.run(make(base), tmp_path)
    (path,) = tmp_path.glob("cache/*/full_data/robustness/attack_fgsm.npz")
    path.write_bytes(path.read_bytes()[:100])
    attacked, attack = [], robustness.epsilon_curve

    @functools.wraps(attack)
    def counted(key, name, *data, **settings):
        attacked.append(name)
        return attack(key, name, *data, **settings)

    monkeypatch.setattr(robustness, "epsilon_curve", counted)
    capsys.readouterr()
    second = run.run(make(base, distill__method="random"), tmp_path)
    assert attacked == ["fgsm", "pgd_l2", "fgsm"]
    assert "attack_fgsm.npz: damaged" in capsys.readouterr().err
    for pipe in ("random_subset", "full_data"):
        assert second["robustness"][pipe] == first["robustness"][pipe]
    assert first["cost"]["robustness_seconds"] > 0
    third = run.run(make(base, audits__robustness__images=10), tmp_path)
    assert third["robustness"]["full_data"]["images"] == 10


class Killed(BaseException):
    """What no handler of errors may catch."""


@pytest.mark.slow
def test_a_kill_loses_no_finished_attack(tmp_path, monkeypatch):
    """Stopped in every 5th piece of work; each piece is finished once all the same."""
    finished, begun = [], []
    kills = False

    def watch(module, name):
        work = getattr(module, name)

        def watched(*task, **settings):
            begun.append(name)
            if kills and len(begun) % 5 == 0:
                raise Killed
            made = work(*task, **settings)
            finished.append(name)
            return made

        monkeypatch.setattr(module, name, watched)

    watch(robustness, "epsilon_curve")
    watch(robustness, "behaviour")
    watch(robustness, "minimal_distances")
    watch(transfer, "curves_from")
    watch(corruptions, "corruption_accuracy")
    config = make(SMALL | ATTACKS)
    unbroken = run.run(config, tmp_path / "unbroken")
    once, kills = sorted(finished), True
    finished.clear()
    stops = 0
    while True:
        try:
            resumed = run.run(config, tmp_path / "killed")
            break
        except Killed:
            stops += 1
    assert stops > 5 and sorted(finished) == once
    assert set(resumed) == set(unbroken)
    for part in set(unbroken) - {"cost"}:
        assert resumed[part] == unbroken[part], part
