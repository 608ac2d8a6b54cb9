"""Thresholds of the decision: their ranges, their order, their sources."""

import re

import pytest

from dd_jax import config
from dd_jax.catalogue.decision_thresholds import CHECKS, THRESHOLDS
from dd_jax.config.decision_fields import bounds
from dd_jax.config.fields import fields
from dd_jax.types import InputError

each = pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda t: t.name)


def with_values(**values):
    return config.override(config.default(), values, "here")


def test_defaults_are_those_of_the_table_and_the_decision_is_off():
    found = bounds(config.flat(config.default()))
    assert found == {t.name: (t.amber, t.red) for t in THRESHOLDS}
    assert not config.default().decision.enabled
    assert config.default().report.lang == "en"


@each
def test_every_threshold_is_in_its_range_of_a_check_and_has_its_reason(threshold):
    assert threshold.check in CHECKS
    assert threshold.least <= threshold.amber < threshold.red <= threshold.most
    for bound in ("Amber", "Red"):
        assert bound in threshold.why or bound.lower() in threshold.why
    sourced = re.search(r"(19|20)\d\d|OWASP", threshold.why)
    assert sourced or "convention" in threshold.why


@each
@pytest.mark.parametrize("bound", ["amber", "red"])
@pytest.mark.parametrize("past", ["least", "most"])
def test_a_bound_out_of_range_is_refused_by_its_key(threshold, bound, past):
    key = f"decision.{threshold.name}.{bound}"
    beyond = getattr(threshold, past) + (-0.5 if past == "least" else 0.5)
    with pytest.raises(InputError, match=rf"{re.escape(key)}={beyond}: must be in \["):
        config.validate(with_values(**{key: beyond}))
    config.validate(with_values(**{key: getattr(threshold, past)}))


@each
def test_red_below_amber_is_refused(threshold):
    changed = with_values(**{f"decision.{threshold.name}.red": threshold.amber - 0.005})
    with pytest.raises(InputError, match=f"{threshold.name}.red=.*must be at least"):
        bounds(config.flat(changed))


def test_no_result_follows_from_them():
    keys = [k for k in fields() if k.startswith("decision.") or k == "report.lang"]
    assert len(keys) == 2 + 2 * len(THRESHOLDS)
    assert not any(fields()[key].changes_results for key in keys)
    other = with_values(**{"decision.membership_auc.red": 0.9, "report.lang": "ja"})
    assert config.run_id(other, "x") == config.run_id(config.default(), "x")


def test_conventions_shared_with_the_verdicts_of_a_run_are_the_same():
    from dd_jax.report import membership_verdict, robustness_verdict, verdict

    own = {t.name: (t.amber, t.red) for t in THRESHOLDS}
    assert own["membership_auc"][0] == membership_verdict.LEAK_AUC
    near, far = robustness_verdict.NEAR, robustness_verdict.FAR
    assert own["robust_accuracy_loss"] == (near, far)
    assert own["accuracy_loss"][1] == pytest.approx(1 - verdict.NEAR_FULL)
