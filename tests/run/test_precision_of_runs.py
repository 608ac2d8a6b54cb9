"""Runs train and distil in the precision of the config; audits compute in f32."""

import sys

import jax
import numpy as np
import pytest
from tiny import BARE, MLP, TINY, flags, launch, make, only_run

from dd_jax import run
from dd_jax.distill import load
from dd_jax.models import layers
from dd_jax.runtime.precision import precision

LOW = BARE | MLP | {"precision": "bfloat16", "distill.batch_real": 7}
AUDITED = {
    "audits.calibration.enabled": True,
    "audits.privacy.enabled": True,
    "audits.privacy.scores": ("lira_online",),
    "audits.robustness.enabled": True,
    "audits.robustness.attacks": ("fgsm",),
    "audits.robustness.eps_linf": (0.1,),
}
TRAINING = {
    ("dd_jax.train.training", "loss_fn"),
    ("dd_jax.distill.distil_many", "_steps"),
}
AUDITS = ("dd_jax.audits.", "dd_jax.attacks.", "dd_jax.train.evaluate")


def callers():
    """`(module, function)` of everything that waits for the caller."""
    found, frame = set(), sys._getframe(1)
    while frame:
        found.add((frame.f_globals.get("__name__", ""), frame.f_code.co_name))
        frame = frame.f_back
    return found


@pytest.fixture(scope="module")
def low(tmp_path_factory):
    """A Record, its folder, and `(precision, callers)` of every product traced.

    Traces of earlier tests are forgotten, so that all are made here.
    """
    jax.clear_caches()
    root, seen, product = tmp_path_factory.mktemp("low"), [], layers.product

    def spied(*arguments, **kw):
        seen.append((precision(), callers()))
        return product(*arguments, **kw)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "product", spied)
        record = run.run(make(LOW | AUDITED), root)
    return record, only_run(root), seen


@pytest.mark.slow
def test_training_is_traced_in_the_precision_and_audits_in_f32(low):
    seen = low[2]
    training = {name for name, who in seen if who & TRAINING}
    audits = [
        (name, module)
        for name, who in seen
        for module, _ in who
        if module.startswith(AUDITS) and not who & TRAINING
    ]
    assert training == {"bfloat16"}
    assert {name for name, _ in audits} == {"float32"}
    modules = {module for _, module in audits}
    assert {"dd_jax.audits.privacy.signals", "dd_jax.train.evaluate"} <= modules
    assert any(module.startswith("dd_jax.attacks.") for module in modules)


@pytest.mark.slow
def test_the_record_says_both(low):
    record, folder, _ = low
    assert record["run"]["precision"] == {"training": "bfloat16", "audits": "float32"}
    kept = load(folder / "synthetic.npz")
    assert kept.images.dtype == np.float32
    assert kept.metadata["config"]["precision"] == "bfloat16"


def test_tf32_is_refused_before_any_compute(tmp_path, capsys):
    root = tmp_path / "new"
    assert launch(*flags(TINY, precision="tf32"), f"--workdir={root}") == 2
    line = capsys.readouterr().err
    assert line.startswith("error: precision=tf32: cpu has no tf32, which NVIDIA's")
    assert line.count("\n") == 1 and not root.exists()


@pytest.mark.parametrize("of_gpus", [{"precision": "tf32"}, {"devices": 100}])
def test_runs_of_other_machines_may_need_what_this_one_lacks(tmp_path, of_gpus):
    given = [*flags(BARE | MLP, **of_gpus), f"--workdir={tmp_path / 'new'}"]
    assert launch(*given) == 2
    assert launch(*given, f"--manifest={tmp_path / 'cells.jsonl'}") == 0
    assert launch(*given, "--executor=slurm", "--dry_run") == 0
    assert launch(*given, "--executor=slurm", "--estimate") == 2
    assert launch(*given, "--config.distill.ipc=400", "--manifest=no.jsonl") == 2
