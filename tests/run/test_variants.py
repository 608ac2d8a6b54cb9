"""The runs that the transfer audit puts beside a run, by their config."""

import pytest
from tiny import BARE, MLP, make

from dd_jax.run import variants

SMALL = BARE | MLP


def test_robust_distillation_leaves_methods_that_cannot_as_they_are():
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dsa", "herding"),
        "mitigate.robust.eps": 0.1,
    }
    found = variants.transfer_variants(make(SMALL | changes))
    assert found["herding"]["mitigate.robust.eps"] == 0
    assert "mitigate.robust.eps" not in found["dsa"]


def test_fair_distillation_leaves_methods_without_its_form_as_they_are():
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dsa", "frepo"),
        "mitigate.fair.form": "fairdd",
    }
    found = variants.transfer_variants(make(SMALL | changes))
    assert found["frepo"]["mitigate.fair.form"] == "none"
    assert "mitigate.fair.form" not in found["dsa"]


def test_an_allocation_leaves_methods_without_one_as_they_are():
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dsa", "herding"),
        "distill.allocation": (1, 2, 3),
    }
    found = variants.transfer_variants(make(SMALL | changes))
    assert found["herding"]["distill.allocation"] == ()
    assert "distill.allocation" not in found["dsa"]


@pytest.mark.parametrize("factor, kept", [(0, False), (2, True)])
def test_other_methods_decode_by_all_factors_only_where_there_are_tiles(factor, kept):
    changes = {
        "distill.method": "idc",
        "distill.multi": True,
        "distill.factor": factor,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dm",),
    }
    found = variants.transfer_variants(make(SMALL | changes))["dm"]
    assert found.get("distill.multi", True) == kept


def test_methods_that_learn_labels_keep_them_beside_a_teacher():
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("dm", "frepo"),
        "distill.labels": "teacher",
    }
    found = variants.transfer_variants(make(SMALL | changes))
    assert found["frepo"]["distill.labels"] == "own"
    assert "distill.labels" not in found["dm"]
