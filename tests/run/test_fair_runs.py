"""Fair distillation of a run: what it needs, and what it leaves in a Record."""

import json

import numpy as np
import pytest
from tiny import BARE, MLP, flags, launch, make, npz, only_run

from dd_jax import distill
from dd_jax.run.mitigated import require_mitigated
from dd_jax.run.read_data import dataset
from dd_jax.types import InputError

GROUPS = np.arange(25) % 2


def source(path, groups=GROUPS):
    """Three classes of 8, 8 and 9 rows, with groups."""
    return npz(path, group_train=groups, group_test=np.arange(18) % 2)


def small(place, **changes):
    settings = BARE | MLP | {"data.source": place, "data.num_classes": 0}
    return settings | {key.replace("__", "."): value for key, value in changes.items()}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"distill__method": "mtt"}, "mtt has no such form; take one of dc, dsa, dm"),
        ({"distill__method": "frepo"}, "frepo has no such form"),
        ({"distill__method": "herding"}, "herding has no such form"),
        ({"mitigate__fair__over": "classes"}, "weighs groups; take form=dro"),
        ({"data__source": "digits"}, "digits has no groups; take data.groups"),
    ],
)
def test_what_fair_distillation_needs(tmp_path, changes, words):
    settings = small(source(tmp_path / "a.npz"), mitigate__fair__form="fairdd")
    config = make(settings, **changes)
    with pytest.raises(InputError, match=words) as caught:
        require_mitigated(config, dataset(config))
    assert "\n" not in str(caught.value)


def test_groups_that_initial_images_are_balanced_over(tmp_path):
    config = make(small("digits", distill__init="balanced"))
    with pytest.raises(InputError, match="distill.init=balanced: digits has no groups"):
        require_mitigated(config, dataset(config))
    place = source(tmp_path / "a.npz", np.repeat([0, 1, 2], (8, 8, 9)))
    config = make(small(place, distill__init="balanced"))
    with pytest.raises(InputError, match="nothing to balance; take init=real"):
        require_mitigated(config, dataset(config))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"distill__allocation": (1, 2)}, "allocation has 2 classes; .* has 3"),
        (
            {"distill__allocation": (1, 2, 2)},
            "gives 5 images; .* of 3 classes are 6",
        ),
        (
            {"distill__allocation": (1, 1, 1), "distill__method": "herding"},
            "herding has as many images of each class",
        ),
    ],
)
def test_what_an_allocation_needs(tmp_path, changes, words):
    config = make(small(source(tmp_path / "a.npz")), **changes)
    with pytest.raises(InputError, match=words):
        require_mitigated(config, dataset(config))


@pytest.mark.slow
def test_a_run_with_an_allocation_has_as_many_images_of_each_class(tmp_path):
    changes = {"distill.ipc": 2, "distill.allocation": (1, 3, 2)}
    settings = small(source(tmp_path / "a.npz")) | changes
    assert launch(*flags(settings), f"--workdir={tmp_path}") == 0
    folder = only_run(tmp_path)
    record = json.loads((folder / "record.json").read_text())
    labels = np.asarray(distill.load(folder / "synthetic.npz").labels)
    assert np.bincount(labels.argmax(-1)).tolist() == [1, 3, 2]
    assert record["run"]["ipc"] == 2
    assert record["run"]["config"]["distill.allocation"] == [1, 3, 2]


def test_groups_that_are_the_classes_leave_nothing_to_balance(tmp_path):
    place = source(tmp_path / "a.npz", np.repeat([0, 1, 2], (8, 8, 9)))
    config = make(small(place, mitigate__fair__form="balanced"))
    with pytest.raises(InputError, match="no class of .* rows of two groups"):
        require_mitigated(config, dataset(config))


@pytest.mark.parametrize(
    "changes",
    [
        {"mitigate__fair__form": "balanced", "distill__method": "frepo"},
        {"mitigate__fair__form": "dro", "distill__method": "idc"},
        {
            "mitigate__fair__form": "dro",
            "mitigate__fair__over": "classes",
            "data__source": "digits",
        },
        {"distill__method": "mtt", "data__source": "digits"},
    ],
)
def test_what_is_allowed(tmp_path, changes):
    config = make(small(source(tmp_path / "a.npz")), **changes)
    require_mitigated(config, dataset(config))


@pytest.mark.slow
def test_a_fair_run_differs_from_a_plain_one_in_its_set_alone(tmp_path):
    """And goes through membership audits, whose shadows have half of the rows."""
    settings = small(source(tmp_path / "a.npz")) | {
        "audits.privacy.enabled": True,
        "audits.privacy.joint": False,
        "audits.fairness.enabled": True,
    }
    parts = [
        {},
        {"form": "fairdd", "groups": 2},
        {"form": "dro", "groups": 2, "over": "groups", "eta": 0.01},
    ]
    records, images = [], []
    for i, part in enumerate(parts):
        form = part.get("form", "none")
        root = tmp_path / str(i)
        given = flags(settings, mitigate__fair__form=form)
        assert launch(*given, f"--workdir={root}") == 0
        folder = only_run(root)
        record = json.loads((folder / "record.json").read_text())
        assert record["run"].get("fair", {}) == part
        records.append(record)
        images.append(distill.load(folder / "synthetic.npz").images)
    for i, record in enumerate(records[1:], 1):
        for pipe in ("random_subset", "full_data"):
            assert record["accuracy"][pipe] == records[0]["accuracy"][pipe]
        assert not np.array_equal(images[0], images[i])
        assert record["privacy"]["distilled"]
        assert "deo_max" in record["fairness"]["distilled"]
