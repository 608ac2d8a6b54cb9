"""The names that a config accepts are the names that the registries hold."""

import inspect

import pytest

from dd_jax import attacks, config, distill, models
from dd_jax.audits import privacy
from dd_jax.audits.robustness.robustness_audit import SET_BY
from dd_jax.catalogue import rules
from dd_jax.data import augment
from dd_jax.distill import wrappers as mitigate
from dd_jax.models import layers
from dd_jax.train.training import DECAYS
from dd_jax.types import InputError


@pytest.mark.parametrize(
    "accepted, registry",
    [
        (rules.METHODS, distill.METHODS),
        (rules.INITS, distill.INITS),
        (rules.MODELS, models.registry.MODELS),
        (rules.NORMS, layers.NORMS),
        (rules.ACTIVATIONS, layers.ACTIVATIONS),
        (rules.POOLINGS, layers.POOLINGS),
        (rules.AUGMENTATIONS, augment.OPERATIONS),
        (rules.DECAYS, DECAYS),
        (rules.SCORES, privacy.SCORES),
        (rules.ATTACKS, attacks.ATTACKS),
        (list(config.default().mitigate), mitigate.MITIGATIONS),
    ],
    ids="method init model norm activation pooling augmentation decay score attack "
    "mitigation".split(),
)
def test_config_names_are_registry_names(accepted, registry):
    assert len(set(accepted)) == len(accepted)
    assert set(accepted) == set(registry)


@pytest.mark.parametrize("name", rules.ATTACKS)
def test_words_of_an_attack_are_options_that_it_has(name):
    """The first of each is its default, and the attack takes every one."""
    make = attacks.ATTACKS[name]
    known = inspect.signature(make).parameters
    options = rules.ATTACK_OPTIONS.get(name, {})
    assert set(options) == {"norm", "version"} & set(known)
    for option, words in options.items():
        assert known[option].default == words[0]
        for word in words:
            attack = attacks.describe(name, 0.1, **{option: word})
            assert attack[option] == word
            spec = name if word == words[0] else f"{name}:{word}"
            assert rules.attack_of(spec)[1][option] == word
    with pytest.raises(InputError, match="is none of its options"):
        rules.attack_of(f"{name}:l3")
    for setting, key in SET_BY.get(name, {}).items():
        assert setting in known and key in config.default().audits.robustness


def test_defaults_name_what_exists():
    values = config.default()
    assert values.distill.method in distill.METHODS
    assert set(values.audits.privacy.scores) <= set(privacy.SCORES)
    assert set(values.audits.robustness.attacks) <= set(attacks.ATTACKS)
