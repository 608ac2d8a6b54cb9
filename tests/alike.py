"""Whole runs on several devices or processes, compared with those on one."""

import math

import numpy as np
from tiny import BARE, MLP, TINY, only_run

from dd_jax import catalogue
from dd_jax.catalogue import rules
from dd_jax.system import workdir

SMALL = {
    "data.num_classes": 3,
    "data.rows": 60,
    "train.nets": 3,
    "distill.init": "real",
    "distill.mtt.experts": 3,
    "distill.mtt.expert_epochs": 1,
    "distill.mtt.max_start": 1,
    "distill.mtt.student_steps": 2,
    "distill.mtt.student_lr": 1e-3,  # the default diverges in so few steps
    "distill.mtt.lr_lr": 1e-6,
}
ALL_AUDITS = (
    TINY
    | MLP
    | SMALL
    | {
        "train.epochs": 2,
        "audits.privacy.scores": catalogue.names("score"),
        "audits.privacy.threats": rules.THREATS,
        "audits.privacy.repeats": 2,
        "audits.privacy.canaries": 2,
        "audits.robustness.attacks": catalogue.names("attack"),
        "audits.robustness.eps_linf": (0.0, 0.1),
        "audits.robustness.images": 12,
        "audits.robustness.nets": 2,
        "audits.robustness.adaptive_steps": 2,
        "audits.robustness.queries": 3,
        "audits.robustness.draws": 3,
        "audits.robustness.checks": True,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dc",),
        "audits.transfer.architectures": ("lenet",),
        "audits.corruptions.enabled": True,
        "audits.corruptions.images": 12,
    }
)
# Numbers of devices, and seconds
UNLIKE = {"run.devices", "run.devices_of_a_set", "run.config.devices", "cost"}


SETS = BARE | MLP | SMALL | {"sets": 3, "checkpoint_seconds": 0.0}


def numbers(record, path=""):
    """All values of a Record by their dotted path."""
    if path.lstrip(".") in UNLIKE:
        return {}
    if isinstance(record, dict):
        items = record.items()
    elif isinstance(record, list):
        items = enumerate(record)
    else:
        return {path.lstrip("."): record}
    found = {}
    for key, value in items:
        found |= numbers(value, f"{path}.{key}")
    return found


def assert_alike(one, several, tolerance=0.0):
    """Equal Records, and sets and logits within 1e-5 of the largest.

    Numbers of Records are within the tolerance where devices share one model's work;
    membership figures within 1e-3: they go by ranks, which jump where two scores that
    differ by rounding change places; their intervals within 12.7 times that, the
    quantile of Student's t by which two pairs of targets multiply a standard error.
    """
    a, b = (
        numbers(workdir.read_json(only_run(r) / "record.json")) for r in (one, several)
    )
    assert a.keys() == b.keys()
    of_ranks = lambda key: tolerance and key.startswith("privacy.")
    alike = lambda x, y, bound: (
        math.isclose(x, y, rel_tol=bound, abs_tol=bound)
        if isinstance(x, float)
        else x == y
    )
    by_ranks = lambda key: 1e-3 * (12.7 if ".ci." in key else 1)
    bounds = {key: by_ranks(key) if of_ranks(key) else tolerance for key in a}
    assert {k: (a[k], b[k]) for k in a if not alike(a[k], b[k], bounds[k])} == {}
    for name in ("synthetic.npz", "scores.npz"):
        if not (only_run(one) / name).exists():
            continue
        x, y = (np.load(only_run(root) / name) for root in (one, several))
        for key in x.files:
            if x[key].dtype.kind == "f":
                bound = 1e-5 * np.abs(x[key]).max()
                np.testing.assert_allclose(y[key], x[key], rtol=0, atol=bound)
            else:
                np.testing.assert_array_equal(y[key], x[key])
