"""What a config's keys come to as the options of its method."""

from functools import wraps

import pytest
from tiny import BARE, make

from dd_jax.run import methods
from dd_jax.run.context import augmentation, build_context


@pytest.fixture
def options(monkeypatch):
    """`options(distill__method=...)`: the keyword arguments that the method gets."""

    def of(**changes):
        config, seen = make(BARE, **changes), {}
        name = config.distill.method
        build = methods.METHODS[name]

        @wraps(build)
        def watch(model, **kw):
            seen.update(kw)
            return build(model, **kw)

        monkeypatch.setattr(methods, "METHODS", {name: watch})
        built = build_context(config)
        methods.method_of(built, name)
        return seen, built.dataset

    return of


def test_own_options_and_those_of_all_reach_a_method_by_its_signature(options):
    changes = {"train__lr": 0.02, "distill__mtt__student_lr": 0.3}
    seen, _ = options(distill__method="mtt", **changes)
    assert seen["train_lr"] == 0.02 and seen["student_lr"] == 0.3
    assert "batch_real" not in seen  # no parameter of this method


@pytest.mark.parametrize("method", ["mtt", "rat_bptt"])
def test_images_in_the_steps_of_students_have_parameters_of_their_own(options, method):
    seen, data = options(distill__method=method, distill__augment="color+crop")
    of_images = augmentation("color+crop", data.mean, data.std)
    assert "augment" not in seen
    assert seen["augment_student"] is of_images.independent


@pytest.mark.parametrize("method", ["dsa", "idc", "frepo"])
def test_images_and_networks_are_augmented_each_by_their_own_key(options, method):
    strategies = {"distill__augment": "color+crop", "train__augment": "scale"}
    seen, data = options(distill__method=method, **strategies)
    of_images = augmentation("color+crop", data.mean, data.std)
    if method == "frepo":  # the kernel sees real images as they are
        assert "augment" not in seen
    else:
        assert seen["augment"] is of_images.siamese
    of_networks = augmentation("scale", data.mean, data.std)
    assert seen["augment_net"] is of_networks.independent


def test_zero_leaves_an_option_to_the_method(options):
    seen, _ = options(distill__method="dsa")
    assert not {"lr", "factor", "lr_labels", "outer_steps", "net_epochs"} & set(seen)
    changes = {"distill__lr": 0.5, "distill__network__outer_steps": 7}
    seen, _ = options(distill__method="dsa", **changes)
    assert (seen["lr"], seen["outer_steps"]) == (0.5, 7)
