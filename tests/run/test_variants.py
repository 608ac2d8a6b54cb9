"""The runs that the transfer audit puts beside a run, by their config."""

import pytest
from tiny import BARE, MLP, make

from dd_jax import run
from dd_jax.run import variants

SMALL = BARE | MLP


@pytest.mark.parametrize(
    "key, given, takes, without, off",
    [
        ("mitigate.robust.eps", 0.1, "dsa", "herding", 0),
        ("mitigate.fair.form", "fairdd", "dsa", "frepo", "none"),
        ("distill.allocation", (1, 2, 3), "dsa", "herding", ()),
        ("distill.labels", "teacher", "dm", "frepo", "own"),  # it learns its labels
        ("distill.distance", "cosine", "dsa", "dm", "own"),
        ("distill.network.epochs", 2, "dsa", "mtt", 0),
    ],
)
def test_what_a_method_does_not_take_is_off_in_its_variant(
    key, given, takes, without, off
):
    changes = {
        "audits.transfer.enabled": True,
        "audits.transfer.methods": (takes, without),
        key: given,
    }
    found = variants.transfer_variants(make(SMALL | changes))
    assert found[without][key] == off
    assert key not in found[takes]


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


def test_images_of_one_tile_stand_beside_tiles():
    changes = {
        "distill.method": "idc",
        "distill.factor": 2,
        "distill.multi": True,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("idc_i",),
    }
    config = make(SMALL | changes)
    found = variants.transfer_variants(config)["idc_i"]
    assert found["distill.factor"] == 0 and found["distill.multi"] is False
    run.prepared(config)


def test_a_method_that_learns_labels_stands_beside_a_teacher():
    changes = {
        "distill.labels": "teacher",
        "distill.teacher.epochs": 5,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("frepo",),
    }
    run.prepared(make(SMALL | changes))


def test_other_methods_have_their_own_learning_rates():
    changes = {
        "distill.method": "mtt",
        "distill.lr": 100.0,
        "distill.lr_labels": 2.0,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("mtt", "dm"),
    }
    found = variants.transfer_variants(make(SMALL | changes))
    for key in ("distill.lr", "distill.lr_labels"):
        assert key not in found["mtt"] and found["dm"][key] == 0.0


def test_a_selection_stands_beside_tiles_and_learned_labels():
    changes = {
        "distill.method": "idc",
        "distill.factor": 2,
        "distill.multi": True,
        "distill.lr_labels": 0.1,
        "audits.transfer.enabled": True,
        "audits.transfer.methods": ("herding",),
    }
    run.prepared(make(SMALL | changes))
