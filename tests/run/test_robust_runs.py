"""Training and distillation against attacks: what they reach, and what they do not."""

from pathlib import Path

import numpy as np
import pytest
from tiny import BARE, MLP, make
from tiny import quick_compiles as quick_compiles

from dd_jax import distill, report, run
from dd_jax.run import stages

pytestmark = pytest.mark.slow
PIPES = {"distilled", "random_subset", "full_data"}
BASE = (
    BARE
    | MLP
    | {
        "distill.steps": 2,
        "train.epochs": 20,
        "train.full_epochs": 3,
        "train.lr": 0.05,
        "audits.robustness.enabled": True,
        "audits.robustness.attacks": ("pgd_linf",),
        "audits.robustness.checks": True,
        "audits.robustness.images": 5,
        "audits.robustness.adaptive_steps": 2,
        "audits.robustness.queries": 2,
        "audits.robustness.draws": 2,
    }
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("robust")


@pytest.fixture(scope="module")
def trained():
    """Radii of the training of each network on the full data."""
    return []


@pytest.fixture(scope="module")
def records(root, trained):
    """Runs without any defence, and with adversarial training."""
    train = stages.networks_on_full_data

    def watched(given):
        trained.append(given.config.train.adversarial.eps)
        return train(given)

    against = {"train__adversarial__eps": 0.4, "train__adversarial__steps": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "networks_on_full_data", watched)
        return run.run(make(BASE), root), run.run(make(BASE, **against), root)


def test_adversarial_training_reaches_networks_and_caches(records):
    plain, defended = records
    assert defended["run"]["id"] != plain["run"]["id"]
    for pipe in PIPES:
        assert defended["accuracy"][pipe] != plain["accuracy"][pipe], pipe


def test_the_undefended_network_of_a_defended_run_is_trained_plainly(records, trained):
    assert trained == [0.0, 0.4, 0.0]
    plain, defended = (record["robustness"] for record in records)
    for pipe, part in defended.items():
        before = plain[pipe]["checks"]["undefended_net_falls"]
        assert part["checks"]["undefended_net_falls"] is before is not None


def test_checks_are_in_the_report(records, root):
    text = Path(report.build(root)).read_text()
    text = " ".join(text.replace("&nbsp;", " ").split())
    for words in ("random noise not stronger", "restarts converged"):
        assert words in text, words


def test_robust_distillation_reaches_the_distilled_set_alone(records, root):
    changes = {"mitigate__robust__eps": 0.3, "audits__robustness__enabled": False}
    found, plain = run.run(make(BASE, **changes), root), records[0]
    assert found["run"]["adversarial"] == {"train": 0.0, "distill": 0.3}
    for pipe in ("random_subset", "full_data"):
        assert found["accuracy"][pipe] == plain["accuracy"][pipe]
    images = [
        distill.load(root / "runs" / r["run"]["id"] / "synthetic.npz").images
        for r in (plain, found)
    ]
    assert not np.array_equal(*images)
