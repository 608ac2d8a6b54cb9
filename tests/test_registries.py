"""The names that a config accepts are the names that the registries hold."""

import pytest

from dd_jax import attacks, config, distill, mitigate, models, rules
from dd_jax.audits import privacy
from dd_jax.data import augment
from dd_jax.models import layers
from dd_jax.train.fit import DECAYS


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


def test_defaults_name_what_exists():
    values = config.default()
    assert values.distill.method in distill.METHODS
    assert set(values.audits.privacy.scores) <= set(privacy.SCORES)
    assert set(values.audits.robustness.attacks) <= set(attacks.ATTACKS)
