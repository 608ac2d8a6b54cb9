"""What the catalogue names exists, and configs accept no other names."""

import inspect

import pytest

from dd_jax import attacks, catalogue, config
from dd_jax.catalogue import rules
from dd_jax.catalogue.factory_arguments import parameters
from dd_jax.catalogue.naming import attack_of
from dd_jax.config.fields import fields
from dd_jax.data import augment
from dd_jax.distill import wrappers
from dd_jax.models import layers
from dd_jax.runtime.precision import PRECISIONS
from dd_jax.train.recipe import DECAYS
from dd_jax.types import InputError


@pytest.mark.parametrize(
    "found", list(catalogue.entries()), ids=lambda e: e.kind + e.name
)
def test_every_entry_exists_and_takes_its_options(found):
    thing = catalogue.resolve(found.kind, found.name)
    assert callable(thing) or callable(thing.measure)
    assert found.label and not found.origin
    if found.kind != "audit":
        catalogue.arguments(found, {o.name: o.default for o in found.options}, {})


@pytest.mark.parametrize(
    "accepted, registry",
    [
        (rules.NORMS, layers.NORMS),
        (rules.ACTIVATIONS, layers.ACTIVATIONS),
        (rules.POOLINGS, layers.POOLINGS),
        (rules.AUGMENTATIONS, augment.OPERATIONS),
        (rules.DECAYS, DECAYS),
        (rules.PRECISIONS, PRECISIONS),
    ],
    ids="norm activation pooling augmentation decay precision".split(),
)
def test_words_of_a_config_are_those_of_the_code(accepted, registry):
    assert len(set(accepted)) == len(accepted)
    assert set(accepted) == set(registry)


def test_every_mitigation_wraps_a_method_or_is_a_penalty_on_its_networks():
    wrapped = set(config.default().mitigate) - {"curvature"}
    assert wrapped == set(wrappers.MITIGATIONS)


@pytest.mark.parametrize("name", catalogue.names("attack"))
def test_words_of_an_attack_are_options_that_it_has(name):
    """The first of each is its default, and the attack takes every one."""
    make = attacks.ATTACKS[name]
    known = inspect.signature(make).parameters
    traits = catalogue.entry("attack", name).traits
    options = traits.get("words", {})
    assert set(options) == {"norm", "version"} & set(known)
    for option, words in options.items():
        assert known[option].default == words[0]
        for word in words:
            attack = attacks.describe(name, 0.1, **{option: word})
            assert attack[option] == word
            spec = name if word == words[0] else f"{name}:{word}"
            assert attack_of(spec)[1][option] == word
    with pytest.raises(InputError, match="is none of its options"):
        attack_of(f"{name}:l3")
    for setting, key in traits.get("shared", {}).items():
        assert setting in parameters(make)
        assert key is None or key in config.default().audits.robustness


def test_defaults_are_valid():
    config.validate(config.default())
    assert {o.rule is not None for o in fields().values()} == {True}
