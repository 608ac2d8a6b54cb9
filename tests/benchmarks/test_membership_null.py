"""The null of every membership score: rows are whole, and nothing is found in them."""

import sys

import pytest
from tiny import ROOT

from dd_jax.audits.privacy import SCORES

sys.path.insert(0, str(ROOT / "experiments" / "benchmarks"))
import membership_null as null  # noqa: E402

ROWS = null.rows_command.committed(null.FILE)


def test_every_score_has_a_row_for_every_number_of_models():
    known = {(row["score"], row["models"]) for row in ROWS}
    assert known == {(name, models) for name in SCORES for models in null.TABLES}
    assert null.table(ROWS).count("\n") == len(ROWS) + 1


@pytest.mark.parametrize("figure", ["auc", "pooled_achieved", "per_row_achieved"])
def test_nothing_is_found_where_nothing_leaks(figure):
    """Within 4 standard errors and, of a TPR, one member more than the FPR."""
    for row in ROWS:
        one = 0 if figure == "auc" else 2 / (row["models"] * row["points"])
        error = 4 * row[f"{figure}_error"]
        assert -error < row[figure] < one + error, row
