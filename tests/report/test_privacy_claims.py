"""Audited epsilons are shown beside the claimed ones."""

import fabricate
import pytest

from dd_jax.report.privacy_claims import claims
from dd_jax.report.schema import validate
from dd_jax.types import InputError

FOUND = {"epsilon": 0.61, "surely": 0.5, "confidence": 0.99, "most": 10.54}
GUESSED = {"score": "loss", "pairs": 2500, "guesses": 1000, "correct": 530}


def record(**audited):
    row = fabricate.record()
    row["run"]["differential_privacy"] = {
        "epsilon": 0.99999,
        "epsilon_of_exchange": 2.15,
        "delta": 1e-5,
        "protects": "any row",
        "mechanisms": [],
        **audited,
    }
    return row


def test_a_record_without_audits_has_no_table():
    assert claims(validate(fabricate.record())) is None
    assert claims(validate(record())) is None


def test_each_audit_is_a_row_beside_the_claim_that_it_tests():
    row = record(audited=FOUND | {"repetitions": 800_000})
    row["privacy"]["audited_epsilon"] = {"t2": FOUND | GUESSED}
    mechanism, one_run = claims(validate(row)).rows
    assert mechanism == (
        "one that adds nothing",
        "1",
        "0.61",
        "10.54",
        "99 %",
        "800,000 repetitions of the noise",
    )
    assert one_run[:3] == ("another row of its class", "2.15", "0.61")
    assert one_run[-1] == "Loss threshold, T2: 530 of 1,000 pairs right"


@pytest.mark.parametrize("key", ["pairs", "epsilon", "score"])
def test_what_is_missing_is_named(key):
    row = record()
    row["privacy"]["audited_epsilon"] = {"t2": FOUND | GUESSED}
    del row["privacy"]["audited_epsilon"]["t2"][key]
    with pytest.raises(InputError, match=f"privacy.audited_epsilon.t2 has no {key}"):
        validate(row)
